"""The setting of sign-up: off by default, and only where addresses can be verified."""

from __future__ import annotations

import pytest

from theseller.accounts.sign_up.types import SignUpMode
from theseller.config.environment import InvalidSettingError
from theseller.config.sign_up_settings import read_sign_up_mode
from theseller.mail.types import MailMode, MailSettings

MAIL = MailSettings(MailMode.INBOX)


def test_sign_up_is_off_by_default() -> None:
    for environ in ({}, {"THESELLER_SIGN_UP": ""}, {"THESELLER_SIGN_UP": "off"}):
        assert read_sign_up_mode(environ, MAIL) is SignUpMode.OFF
    assert read_sign_up_mode({}, MailSettings()) is SignUpMode.OFF
    assert read_sign_up_mode({"THESELLER_SIGN_UP": "verified"}, MAIL) is SignUpMode.VERIFIED


def test_other_modes_and_a_deployment_without_mail_are_refused() -> None:
    with pytest.raises(InvalidSettingError, match="must be `off` or `verified`"):
        read_sign_up_mode({"THESELLER_SIGN_UP": "yes"}, MAIL)
    with pytest.raises(InvalidSettingError, match="set THESELLER_MAIL_URL"):
        read_sign_up_mode({"THESELLER_SIGN_UP": "verified"}, MailSettings())
