"""The setting that lets people open shops themselves."""

from __future__ import annotations

from collections.abc import Mapping

from theseller.accounts.sign_up.types import SignUpMode
from theseller.config.environment import InvalidSettingError
from theseller.mail.types import MailMode, MailSettings


def read_sign_up_mode(environ: Mapping[str, str], mail: MailSettings) -> SignUpMode:
    """Read ``THESELLER_SIGN_UP``; sign-up is off without it.

    Raises:
        InvalidSettingError: it is no mode, or no mail could verify an address.
    """
    text = environ.get("THESELLER_SIGN_UP") or SignUpMode.OFF
    if text not in set(SignUpMode):
        raise InvalidSettingError("THESELLER_SIGN_UP must be `off` or `verified`")
    mode = SignUpMode(text)
    if mode is SignUpMode.VERIFIED and mail.mode is MailMode.OFF:
        raise InvalidSettingError(
            "THESELLER_SIGN_UP=verified verifies addresses by mail: set THESELLER_MAIL_URL, or"
            " THESELLER_SIGN_UP=off"
        )
    return mode
