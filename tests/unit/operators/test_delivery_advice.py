"""What operators read about a message that was not delivered."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from theseller.mail.mail_kinds import KINDS
from theseller.mail.types import AttemptOutcome, MessageState, RefusalReason, UndeliveredMail
from theseller.operators.undelivered_mail.delivery_advice import undelivered_line

_AT = datetime(2026, 11, 30, tzinfo=UTC)


def _mail(
    state: MessageState,
    outcome: AttemptOutcome | None = AttemptOutcome.REJECTED,
    *,
    kind: str = "security_notice",
    code: int | None = 550,
    reason: str = "",
    address_refused: bool = False,
    text_stored: bool = True,
) -> UndeliveredMail:
    return UndeliveredMail(
        UUID(int=1), kind, "a…@example.com", state, _AT, _AT, _AT, _AT, 1, outcome, code,
        "said", reason, address_refused, text_stored,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mail", "advice", "again"),
    [
        (_mail(MessageState.FAILED), ["does not take this message", "Then send it again"], True),
        (
            _mail(MessageState.QUEUED, AttemptOutcome.DEFERRED, code=535, text_stored=False),
            ["did not accept the sign-in", "tries it again by itself"],
            True,
        ),
        (
            _mail(MessageState.QUEUED, AttemptOutcome.DEFERRED, code=451, text_stored=False),
            ["did not take it", "tries it again by itself"],
            True,
        ),
        (
            _mail(MessageState.QUEUED, AttemptOutcome.UNREACHABLE, code=None, text_stored=False),
            ["was not reached", "tries it again by itself"],
            True,
        ),
        (
            _mail(MessageState.UNKNOWN, AttemptOutcome.UNKNOWN, code=None),
            ["before the server answered", "if it did not arrive"],
            True,
        ),
        (
            _mail(MessageState.FAILED, address_refused=True),
            ["theseller mail allow", "Then send it again"],
            False,
        ),
        (
            _mail(MessageState.FAILED, None, kind="password_reset", text_stored=False),
            ["request a new link"],
            False,
        ),
        (
            _mail(MessageState.FAILED, None, kind="operator_alert", text_stored=False),
            ["text is not stored"],
            False,
        ),
        (
            _mail(
                MessageState.REFUSED, None, reason=RefusalReason.NOT_A_RECIPIENT, text_stored=False
            ),
            ["get no such mail"],
            False,
        ),
    ],
)
def test_the_advice_fits_the_state(
    mail: UndeliveredMail, advice: list[str], *, again: bool
) -> None:
    said = undelivered_line(mail).advice
    assert len(said) == len(advice)
    for sentence, part in zip(said, advice, strict=True):
        assert part in sentence
    assert mail.can_be_sent_again is again


def test_each_kind_has_a_label_and_says_how_a_link_is_replaced() -> None:
    for kind, context in KINDS.items():
        line = undelivered_line(_mail(MessageState.FAILED, kind=kind, text_stored=False))
        assert line.kind != kind
        assert not context.secret or "text is not stored" not in line.advice[-1]


def test_a_refused_message_shows_its_reason() -> None:
    mail = _mail(MessageState.REFUSED, reason=RefusalReason.ADDRESS_REFUSED)
    assert undelivered_line(mail).reply == RefusalReason.ADDRESS_REFUSED
    assert undelivered_line(_mail(MessageState.FAILED)).reply == "550 said"
