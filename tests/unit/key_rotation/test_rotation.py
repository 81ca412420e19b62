"""Ages, limits and the shape of every replacement, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import override_settings

from theseller.config.environment import InvalidSettingError, read_environment
from theseller.key_rotation import root_and_data_key_rotation, text_secret_rotation
from theseller.key_rotation.operations import _STEPS, stage_client_secret
from theseller.key_rotation.secret_ages import fingerprint
from theseller.key_rotation.secret_inventory import maximum_age, state_of
from theseller.key_rotation.types import (
    RotationContext,
    RotationReason,
    Run,
    SecretKind,
    SecretState,
)
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(0), SecretState.FRESH),
        (timedelta(days=82, hours=23), SecretState.FRESH),
        (timedelta(days=83), SecretState.DUE),
        (timedelta(days=90), SecretState.DUE),
        (timedelta(days=90, seconds=1), SecretState.OVERDUE),
        (timedelta(days=-2), SecretState.UNKNOWN),
    ],
)
def test_the_state_of_a_secret_by_its_age(age: timedelta, state: SecretState) -> None:
    assert state_of(NOON - age, NOON) is state


def test_an_unknown_age_is_red() -> None:
    assert state_of(None, NOON) is SecretState.UNKNOWN
    assert {state for state in SecretState if state.red} == {
        SecretState.UNKNOWN,
        SecretState.OVERDUE,
    }


def test_secret_with_a_short_rotation_period_is_due_in_its_last_quarter() -> None:
    with override_settings(ROTATION_DAYS=4):
        assert state_of(NOON - timedelta(days=2, hours=23), NOON) is SecretState.FRESH
        assert state_of(NOON - timedelta(days=3), NOON) is SecretState.DUE
        assert state_of(NOON - timedelta(days=5), NOON) is SecretState.OVERDUE


def test_no_setting_allows_more_than_ninety_days(tmp_path: Path) -> None:
    for text in ("91", "0", "-1", "ninety", "90.5", "٣"):
        with pytest.raises(InvalidSettingError, match="THESELLER_ROTATION_DAYS"):
            read_environment({"THESELLER_ROTATION_DAYS": text}, default_state=tmp_path)
    assert (
        read_environment({"THESELLER_ROTATION_DAYS": "30"}, default_state=tmp_path).rotation_days
        == 30
    )
    assert read_environment({}, default_state=tmp_path).rotation_days == 90
    with override_settings(ROTATION_DAYS=400):
        assert maximum_age() == timedelta(days=90)


@pytest.mark.parametrize("reason", RotationReason)
@pytest.mark.parametrize("kind", _STEPS)
def test_each_step_has_a_name_of_its_own_and_says_what_it_does(
    kind: SecretKind, reason: RotationReason
) -> None:
    """A step is continued by its name."""
    run = Run(
        new_id(),
        "root-key",
        reason,
        "process:test",
        "",
        NOON,
        RotationContext(lambda: NOON, lambda _seconds: None),
    )
    steps = _STEPS[kind](run)
    assert len({step.name for step in steps}) == len(steps) >= 3
    assert all(step.description for step in steps)


def test_rotation_of_environment_secrets_only_retires_old_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in (root_and_data_key_rotation, text_secret_rotation):
        monkeypatch.setattr(package, "writable", lambda: False)
    run = Run(
        new_id(),
        "root-key",
        RotationReason.MANUAL,
        "process:test",
        "",
        NOON,
        RotationContext(lambda: NOON, lambda _seconds: None),
    )
    for kind in (SecretKind.ROOT_KEY, SecretKind.TICKET_KEY):
        names = [step.name for step in _STEPS[kind](run)]
        assert names[-1] == "retire"
        assert not {"add", "stage", "switch"} & set(names)


def test_every_kind_is_replaced_by_steps_or_by_hand() -> None:
    # A backup's key ends with it, a mail key after its day, and a probe's key is renewed by its
    # control: none is ever replaced. The mail service and the identity provider replace theirs.
    assert set(SecretKind) - set(_STEPS) == {
        SecretKind.SERVICE_CREDENTIAL,
        SecretKind.MAIL_PASSWORD,
        SecretKind.OIDC_SECRET,
        SecretKind.OTHER,
        SecretKind.BACKUP_KEY,
        SecretKind.PROBE_KEY,
        SecretKind.MAIL_KEY,
    }


def test_fingerprint_differs_by_secret_value_and_name() -> None:
    one = fingerprint("db-web", Secret("a password"))
    assert len(one) == 16
    assert one == fingerprint("db-web", Secret("a password"))
    assert one != fingerprint("db-web", Secret("another password"))
    assert one != fingerprint("db-worker", Secret("a password"))


def test_only_a_client_secret_is_given_by_hand() -> None:
    from django.conf import settings

    stage_client_secret(Secret("amzn1.oa2-cs.v1.test"))
    assert settings.SECRETS.get("lwa-client-secret-next") == Secret("amzn1.oa2-cs.v1.test")
    settings.SECRETS.remove("lwa-client-secret-next")
