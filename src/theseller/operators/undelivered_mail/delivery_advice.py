"""Say what operators can do about a message that was not delivered."""

from __future__ import annotations

from dataclasses import dataclass

from theseller.lib.translation_marks import MarkedText, gettext_noop
from theseller.mail.types import AttemptOutcome, MessageState, RefusalReason, UndeliveredMail

_KINDS = {
    "password_reset": gettext_noop("Link for a new password"),
    "invitation": gettext_noop("Invitation"),
    "sign_up": gettext_noop("Link to open a shop"),
    "security_notice": gettext_noop("Security notice"),
    "operator_alert": gettext_noop("Alert to operators"),
    "test": gettext_noop("Test message"),
}
#: How a message with a link is replaced: an expired link is never sent again.
_INSTEAD = {
    "password_reset": gettext_noop("The person can request a new link on the sign-in page."),
    "invitation": gettext_noop("Have an owner of the shop invite the person again."),
    "sign_up": gettext_noop("The person can request a new link."),
    "test": gettext_noop("Send a new test: theseller mail test ADDRESS."),
}
_STATES = {
    MessageState.FAILED: (gettext_noop("failed"), "bad"),
    MessageState.REFUSED: (gettext_noop("not sent"), "none"),
    MessageState.UNKNOWN: (gettext_noop("may have arrived"), "warn"),
}
_RETRIED = (gettext_noop("being retried"), "warn")
_REFUSED_ADDRESS = gettext_noop(
    "The address gets no mail, since a mail server refused it. If it is correct, run theseller mail"
    " allow ADDRESS on the server."
)
_NO_RECIPIENT = gettext_noop(
    "The address may get no such mail any more: the person left, or the invitation ended."
)
_NO_CONNECTION = gettext_noop(
    "The mail server was not reached. Compare THESELLER_MAIL_URL with what the mail service says."
)
_SIGN_IN = gettext_noop(
    "The mail server did not accept the sign-in. Store the password again: theseller secrets put"
    " --replace smtp-password."
)
_DEFERRED = gettext_noop("The mail server did not take it: its reply says why.")
_NO_ANSWER = gettext_noop("The connection ended before the server answered.")
_REJECTED = gettext_noop(
    "The mail server does not take this message. Its reply says why: often the sender's address or"
    " domain, which the mail service must allow."
)
_BY_ITSELF = gettext_noop("The worker tries it again by itself.")
_SEND_AGAIN = gettext_noop("Then send it again.")
_IF_IT_DID_NOT_ARRIVE = gettext_noop("Send it again if it did not arrive.")
#: Replies about the sign-in (RFC 4954, section 6).
_SIGN_IN_CODES = range(530, 539)
_NO_TEXT = gettext_noop("Its text is not stored any more, so it can't be sent again.")
_CAUSES = {
    AttemptOutcome.UNREACHABLE: _NO_CONNECTION,
    AttemptOutcome.DEFERRED: _DEFERRED,
    AttemptOutcome.UNKNOWN: _NO_ANSWER,
    AttemptOutcome.REJECTED: _REJECTED,
}


@dataclass(frozen=True, slots=True)
class UndeliveredLine:
    """A message with its labels.

    Attributes:
        mail: the message.
        kind: what it is.
        state: its state in words.
        tone: the word of the badge's color.
        reply: the mail server's reply, or the reason why nothing was sent.
        advice: what can be done, in sentences.
    """

    mail: UndeliveredMail
    kind: str
    state: str
    tone: str
    reply: str
    advice: tuple[MarkedText | str, ...]


def undelivered_line(mail: UndeliveredMail) -> UndeliveredLine:
    """Return a message with its labels and advice."""
    state, tone = _STATES.get(mail.state, _RETRIED)
    receipt = f"{mail.code or ''} {mail.reply}".strip()
    return UndeliveredLine(
        mail=mail,
        kind=_KINDS.get(mail.kind, mail.kind),
        state=state,
        tone=tone,
        reply=mail.reason if mail.state is MessageState.REFUSED or not receipt else receipt,
        advice=tuple(_advice(mail)),
    )


def _advice(mail: UndeliveredMail) -> list[str]:
    return [*_cause(mail), *_next_step(mail)]


def _cause(mail: UndeliveredMail) -> list[str]:
    if mail.address_refused:
        return [_REFUSED_ADDRESS]
    if mail.state is MessageState.REFUSED:
        return [_NO_RECIPIENT] if mail.reason == RefusalReason.NOT_A_RECIPIENT else []
    if mail.outcome is AttemptOutcome.DEFERRED and mail.code in _SIGN_IN_CODES:
        return [_SIGN_IN]
    return [_CAUSES[mail.outcome]] if mail.outcome in _CAUSES else []


def _next_step(mail: UndeliveredMail) -> list[str]:
    if mail.retrying:
        return [_BY_ITSELF]
    if mail.state is MessageState.REFUSED:
        return []
    if mail.text_stored:
        unknown = mail.state is MessageState.UNKNOWN
        return [_IF_IT_DID_NOT_ARRIVE if unknown else _SEND_AGAIN]
    return [_INSTEAD.get(mail.kind, _NO_TEXT)]
