"""Every command of an operator has an audit event, or a reason why it needs none.

It needs none if it touches neither credentials nor a seller's data.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from theseller.audit.event_types import Tag
from theseller.cli.main import discover, main

#: What each command leaves in the log; a sentence where it leaves nothing.
LEAVES: dict[str, tuple[Tag, ...] | str] = {
    "audit": (Tag.LOG_RESTORED,),
    "backup": (Tag.BACKUP_INTENDED, Tag.BACKUP_TAKEN, Tag.BACKUP_ENDED),
    "demo": "runs the deployment on this machine; its processes write their own lines",
    "demo-accounts": (Tag.TENANT_CREATED, Tag.MEMBER_ADDED),
    "demo-reset": "removes a demo, the log included",
    "controls": "shows the public security page, and has its probes run",
    "deletion-certificate": "reads proofs that name no one",
    "deletion-request": (
        Tag.DELETION_REQUESTED,
        Tag.DELETION_REQUEST_UNMATCHED,
        Tag.CONNECTION_DISCONNECTED,
    ),
    "database": (Tag.DATABASE_MOVED,),
    "doctor": "looks at the machine, at no secret's value and no row",
    "emulator": (Tag.SECRETS_FILLED,),
    "import": (Tag.IMPORT_RECORDED,),
    "inspect": "reads a file of the caller's; needs no database and no secret",
    "legal-hold": (Tag.HOLD_PLACED, Tag.HOLD_LIFTED),
    "mail": (
        Tag.MAIL_ADDRESS_ALLOWED,
        Tag.MAIL_ADDRESS_REFUSED,
        Tag.MAIL_RETRIED,
        Tag.MAIL_TESTED,
    ),
    "migrate": (Tag.ROTATION_FORCED,),
    "operator": (Tag.OPERATOR_ADDED, Tag.OPERATOR_REMOVED, Tag.SECOND_FACTOR_REMOVED),
    "person": (
        Tag.INVITATION_MADE,
        Tag.INVITATION_WITHDRAWN,
        Tag.MEMBER_REMOVED,
        Tag.PASSWORD_LINK_MADE,
    ),
    "postgres": (Tag.DATABASE_OPENED, Tag.DATABASE_MOVED),
    "prober": (Tag.PROBER_ADDED, Tag.PROBER_REMOVED),
    "release": (Tag.ADVISORIES_ACCEPTED, Tag.ADVISORIES_IMPORTED),
    "replay-erasures": "does again what the log tells of already; a step of `restore`",
    "restore": (Tag.DATABASE_RESTORED,),
    "rotate": (
        Tag.ROTATION_BEGUN,
        Tag.ROTATION_FINISHED,
        Tag.ROTATION_FORCED,
        Tag.SECRET_AGE_NOTED,
        Tag.SECRET_GIVEN,
    ),
    "secrets": (Tag.SECRET_PUT, Tag.SECRETS_BUNDLED, Tag.SECRETS_FILLED),
    "serve": "runs the deployment; its processes write their own lines",
    "setup": "runs `secrets fill`, `migrate` and `operator add`, which write their own lines",
    "state": (Tag.STATE_EXPORTED, Tag.STATE_IMPORTED),
    "status": "counts over all shops; reads no secret and no row of a shop",
    "shop": (Tag.TENANT_CREATED, Tag.INVITATION_MADE),
    "verify-deletion-certificate": "reads a file of the caller's; needs no database and no secret",
    "worker": "runs the deployment; its jobs write their own lines",
}


def test_audit_test_lists_every_command_line_command() -> None:
    assert sorted(LEAVES) == sorted(discover()), (
        "enter a new command in LEAVES: its audit events, or why it needs none"
    )


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("THESELLER_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("THESELLER_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def _acts(state: Path) -> list[tuple[str, str]]:
    lines = (state / "audit" / "acts").read_text().splitlines()
    return [(json.loads(line)["tag"], json.loads(line)["subject"]) for line in lines]


def test_secrets_commands_are_audited_with_names_and_without_values(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["secrets", "fill"]) == 0
    assert main(["secrets", "fill"]) == 0  # nothing was missing: nothing was done
    monkeypatch.setattr("sys.stdin", io.StringIO("canary-of-amazon\n"))
    assert main(["secrets", "put", "lwa-client-secret"]) == 0
    assert main(["secrets", "bundle"]) == 0
    assert main(["secrets", "check"]) == 0
    assert _acts(state) == [
        (Tag.SECRETS_FILLED, "secrets"),
        (Tag.SECRET_PUT, "secret:lwa-client-secret"),
        (Tag.SECRETS_BUNDLED, "secrets"),
    ]
    assert "canary" not in (state / "audit" / "acts").read_text()


def test_opening_the_database_is_written_down_before_it_is_open(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["secrets", "fill"]) == 0
    seen: list[tuple[str, str]] = []

    def becomes_psql(*_arguments: object) -> None:
        seen.extend(_acts(state))
        raise SystemExit

    monkeypatch.setattr(os, "execve", becomes_psql)
    with pytest.raises(SystemExit):
        main(["postgres", "psql-as", "web"])
    assert seen[-1] == (Tag.DATABASE_OPENED, "role:web")
