"""What an operator declares to the controls is checked when the process starts.

The message says what is required.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.config.environment import Environment, InvalidSettingError, read_environment


def _environment(tmp_path: Path, **variables: str) -> Environment:
    return read_environment(variables, default_state=tmp_path)


def test_nothing_is_declared_by_default(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    assert environment.database_administrators == ()
    assert environment.volumes_encrypted_by == ""


def test_declared_administrators_and_volume_encryption_are_parsed(tmp_path: Path) -> None:
    environment = _environment(
        tmp_path,
        THESELLER_DATABASE_ADMINISTRATORS=" postgres, rdsadmin ,",
        THESELLER_VOLUMES_ENCRYPTED_BY=" Amazon EBS ",
    )
    assert environment.database_administrators == ("postgres", "rdsadmin")
    assert environment.volumes_encrypted_by == "Amazon EBS"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THESELLER_DATABASE_ADMINISTRATORS", "postgres,theseller_web"),
        ("THESELLER_VOLUMES_ENCRYPTED_BY", "x" * 121),
        ("THESELLER_VOLUMES_ENCRYPTED_BY", "two\nlines"),
    ],
)
def test_invalid_operator_declaration_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(InvalidSettingError, match=name):
        _environment(tmp_path, **{name: value})
