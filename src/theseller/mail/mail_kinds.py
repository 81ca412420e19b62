"""The kinds of mail: context, audience, and how long each is tried.

A context is a frozen dataclass of texts, whole numbers and instants. Its templates are
``mail/<kind>.txt``, whose first line is the subject, and ``mail/<kind>.html``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import ClassVar

from theseller.edge.translate_marked_texts import translated
from theseller.lib.translation_marks import MarkedText
from theseller.mail.types import Audience

#: No message is tried for longer.
DELIVERY_MAX = timedelta(hours=48)
_TEXT_MAX = 2000


@dataclass(frozen=True, slots=True)
class MailContext:
    """Base of the contexts.

    Attributes:
        kind: name of the kind, and of its templates.
        audience: who may get it.
        secret: whether it has a link that acts for its reader; then it is stored sealed.
        deliver_within: when it is no longer worth sending.
    """

    kind: ClassVar[str]
    audience: ClassVar[frozenset[Audience]]
    secret: ClassVar[bool] = False
    deliver_within: ClassVar[timedelta] = DELIVERY_MAX


@dataclass(frozen=True, slots=True)
class PasswordReset(MailContext):
    """A link to choose a new password, for the holder of an account."""

    kind: ClassVar[str] = "password_reset"
    audience: ClassVar[frozenset[Audience]] = frozenset({Audience.MEMBER, Audience.OPERATOR})
    secret: ClassVar[bool] = True
    deliver_within: ClassVar[timedelta] = timedelta(hours=1)

    link: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation(MailContext):
    """An invitation to a shop."""

    kind: ClassVar[str] = "invitation"
    audience: ClassVar[frozenset[Audience]] = frozenset(
        {Audience.INVITED, Audience.MEMBER, Audience.OPERATOR}
    )
    secret: ClassVar[bool] = True

    link: str
    expires_at: datetime
    shop: str
    inviter: str


@dataclass(frozen=True, slots=True)
class SignUp(MailContext):
    """A link to open a shop, for an address that requested it."""

    kind: ClassVar[str] = "sign_up"
    audience: ClassVar[frozenset[Audience]] = frozenset({Audience.SIGNING_UP})
    secret: ClassVar[bool] = True
    deliver_within: ClassVar[timedelta] = timedelta(hours=12)

    link: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SecurityNotice(MailContext):
    """A notice that how a person signs in was changed.

    `change` is a key of `CHANGES`.
    """

    kind: ClassVar[str] = "security_notice"
    audience: ClassVar[frozenset[Audience]] = frozenset({Audience.MEMBER, Audience.OPERATOR})

    change: str
    changed_at: datetime

    def __post_init__(self) -> None:
        """Refuse a change that has no text.

        Raises:
            ValueError: `change` is not in `CHANGES`.
        """
        if self.change not in CHANGES:
            raise ValueError(f"no notice says what {self.change!r} is")


#: What a security notice can tell.
CHANGES = frozenset(
    {
        "password_changed",
        "second_factor_added",
        "second_factor_removed",
        "recovery_codes_made",
        "operator_added",
    }
)


@dataclass(frozen=True, slots=True)
class OperatorAlert(MailContext):
    """An alert to operators: what happened and where; no data of a shop.

    The first line of `details` is a sentence, the others are evidence in English. Marked texts are
    translated when the alert is queued.
    """

    kind: ClassVar[str] = "operator_alert"
    audience: ClassVar[frozenset[Audience]] = frozenset({Audience.OPERATOR})

    summary: str
    details: str
    link: str
    noticed_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryTest(MailContext):
    """The mail that `theseller mail test` sends."""

    kind: ClassVar[str] = "test"
    audience: ClassVar[frozenset[Audience]] = frozenset(Audience)
    deliver_within: ClassVar[timedelta] = timedelta(hours=1)

    requested_at: datetime


KINDS: dict[str, type[MailContext]] = {
    one.kind: one
    for one in (PasswordReset, Invitation, SignUp, SecurityNotice, OperatorAlert, DeliveryTest)
}


def encoded(context: MailContext) -> str:
    """Return the context as JSON, with marked texts in the present language.

    Raises:
        TypeError: a value is no text, whole number or aware instant.
        ValueError: a text is too long.
    """
    values: dict[str, object] = {}
    # Not `asdict`: it copies texts, and their marks are lost.
    for field in fields(context):
        name, value = field.name, getattr(context, field.name)
        if isinstance(value, MarkedText):
            value = translated(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            values[name] = value.isoformat()
        elif isinstance(value, str) and len(value) > _TEXT_MAX:
            raise ValueError(f"the text {name} of a mail is longer than {_TEXT_MAX} characters")
        elif isinstance(value, str | int):
            values[name] = value
        else:
            raise TypeError(f"a mail's {name} is a text, a whole number or an aware instant")
    return json.dumps(values, ensure_ascii=False)


def decoded(kind: str, text: str) -> MailContext:
    """Return the context that `encoded` wrote.

    Raises:
        KeyError: this version has no such kind.
        TypeError: the context has other fields.
    """
    values = json.loads(text)
    context = KINDS[kind]
    for field in fields(context):
        if field.type in {"datetime", datetime}:
            values[field.name] = datetime.fromisoformat(values[field.name])
    return context(**values)
