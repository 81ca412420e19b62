"""What an operator does about secrets, and what the hourly job does by itself.

The operator lists them, tries a rotation, forces one after a leak, notes an age.
"""

from __future__ import annotations

import os

import psycopg
import pytest
from tests.integration.deployment import Deployment, within

from theseller.cli.embedded_server_preparation_and_roles import apply_roles
from theseller.crypto.timestamped_secrets import new_timestamped_secret
from theseller.key_rotation.operations import _FORMER_STEP_NAMES
from theseller.postgres.binaries import find_binaries
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.role_setup import set_password
from theseller.postgres.server import Server
from theseller.postgres.server_folders import conninfo

_DUE = """
from datetime import timedelta
from theseller.key_rotation.operations import rotate_due
from theseller.key_rotation.types import RotationContext
from theseller.lib import clock
later = timedelta(days=float(sys.argv[1]))
context = RotationContext(lambda: clock.now() + later, lambda seconds: None)
runs = rotate_due(actor="process:test", context=context)
print(" ".join(one.secret for one in runs if one.finished))
"""

_ONCE = """
import time
from datetime import timedelta
from theseller.key_rotation.operations import rotate
from theseller.key_rotation.types import RotationContext, RotationReason
from theseller.lib import clock
context = RotationContext(clock.now, time.sleep, patience=timedelta(seconds=0.3))
(one,) = rotate([sys.argv[1]], reason=RotationReason.MANUAL, actor="process:test", context=context)
print("finished" if one.finished else one.waits_for)
"""
_CUT_OFF_BEFORE_SWITCH = """
import time
from dataclasses import replace
from theseller.key_rotation import text_secret_rotation
from theseller.key_rotation.operations import rotate
from theseller.key_rotation.types import RotationContext, RotationReason
from theseller.lib import clock
def cut_off(run):
    raise KeyboardInterrupt
text_secret_rotation.SWITCH = replace(text_secret_rotation.SWITCH, run=cut_off)
try:
    context = RotationContext(clock.now, time.sleep)
    rotate([sys.argv[1]], reason=RotationReason.MANUAL, actor="process:test", context=context)
except KeyboardInterrupt:
    print("cut off")
"""
_EXISTS = """
from uuid import UUID
from django.conf import settings
print(settings.KEY_STORE.exists(UUID(sys.argv[1])))
"""


def test_every_secret_in_the_folder_is_listed(deployed: Deployment) -> None:
    listed = deployed.listed()
    stems = {
        name.removesuffix("-next").removesuffix("-previous") for name in deployed.secret_names()
    }
    assert stems <= set(listed)
    assert {name: one["state"] for name, one in listed.items() if one["state"] != "fresh"} == {}
    assert all(
        one["owner"] and one["how"] and one["age_days"] is not None for one in listed.values()
    )
    assert deployed.theseller("rotate", "--list").returncode == 0


def test_a_secret_of_unknown_age_is_red_until_its_age_is_noted(deployed: Deployment) -> None:
    file = deployed.state / "secrets" / "partner-api"
    file.touch(mode=0o600)
    file.write_text("theirs\n")
    try:
        assert deployed.listed()["partner-api"]["state"] == "unknown"
        assert deployed.theseller("rotate", "--list").returncode == 1
        by_hand = deployed.theseller("rotate", "partner-api")
        assert by_hand.returncode == 1
        assert "by hand" in by_hand.stderr
        assert (
            "in the future"
            in deployed.theseller("rotate", "partner-api", "--created-on", "2099-01-01").stderr
        )
        assert (
            deployed.theseller("rotate", "partner-api", "--created-on", "2020-01-01").returncode
            == 0
        )
        assert deployed.listed()["partner-api"]["state"] == "overdue"
        file.write_text("replaced\n")
        assert deployed.listed()["partner-api"]["state"] == "unknown", (
            "the age of one secret was taken for that of the next"
        )
    finally:
        file.unlink()


def test_rotate_dry_run_prints_the_steps_and_changes_nothing(deployed: Deployment) -> None:
    before = {name: deployed.secret(name) for name in deployed.secret_names()}
    runs = deployed.rows("select count(*) from governance_rotation")
    done = deployed.theseller("rotate", "--all", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Nothing was changed." in done.stdout
    assert {"root-key", "db-web", "tenant-ticket-key"} <= {
        line.split(" (")[0] for line in done.stdout.splitlines()
    }
    assert {name: deployed.secret(name) for name in deployed.secret_names()} == before
    assert deployed.rows("select count(*) from governance_rotation") == runs


def test_an_unknown_name_stops_before_anything_is_begun(deployed: Deployment) -> None:
    before = deployed.secret("db-probe")
    done = deployed.theseller("rotate", "db-probe", "no-such-secret")
    assert done.returncode == 1
    assert "no-such-secret" in done.stderr
    assert deployed.secret("db-probe") == before


def test_hourly_rotation_job_replaces_only_due_secrets(deployed: Deployment) -> None:
    deployed.rows("with deleted as (delete from django_session) select 1")
    deployed.ask(
        _DUE, "20"
    )  # What an earlier test left under way, such as the grace of a client secret, is over by then.
    assert deployed.ask(_DUE, "80") == ""
    replaced = set(deployed.ask(_DUE, "84").split())
    expected = {name for name, one in deployed.listed().items() if one["automatic"]}
    assert replaced == expected
    assert {one["state"] for one in deployed.listed().values()} == {"fresh"}


def test_after_a_leak_the_old_secret_is_refused_at_once(deployed: Deployment) -> None:
    old = deployed.secret("db-web")
    dsn = conninfo(deployed.state, "theseller_web", old)
    with psycopg.connect(dsn, autocommit=True) as stolen:
        assert stolen.execute("select 1").fetchone() == (1,)
        done = deployed.theseller(
            "rotate", "db-web", "tenant-ticket-key", "django-session-key", "--leaked"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with pytest.raises(psycopg.OperationalError):
            stolen.execute("select 1")
    assert not deployed.accepts("theseller_web", old)
    assert deployed.rows("select count(*) from django_session") == [(0,)]
    assert deployed.rows("select count(*) from guard.ticket_key") == [(1,)]
    forced = deployed.rows(
        "select details ->> 'reason', details ->> 'secrets' from audit_event where tag ="
        " 'governance:rotation:forced' order by position"
    )
    assert forced[-1] == ("leaked", "3")


def test_every_replacement_is_in_the_audit_log(deployed: Deployment) -> None:
    deployed.theseller(
        "rotate", "--all"
    )  # Some may wait for sessions to end; they are begun all the same.
    counts = dict(
        deployed.rows(
            "select tag, count(distinct subject) from audit_event where tag like"
            " 'governance:rotation:%' group by tag"
        )
    )
    assert counts["governance:rotation:begun"] >= counts["governance:rotation:finished"] >= 10
    texts = str(deployed.rows("select * from governance_rotation")) + str(
        deployed.rows("select subject, details from audit_event")
    )
    for name in deployed.secret_names():
        for secret in deployed.secret(name).splitlines():
            assert secret not in texts
            assert secret.rsplit(".", 1)[-1] not in texts


def test_a_key_is_not_destroyed_while_a_reader_may_have_the_old_row(
    deployed: Deployment,
) -> None:
    """Keep the old key while a reader may have the old row.

    A destroyed key would look like the end of the connection.
    """
    connection = deployed.people()[1]["connection"]
    name = f"connection-key:{connection}"
    (old,) = deployed.rows(
        "select data_key_id from connections_refresh_token where connection_id = %s", connection
    )
    with psycopg.connect(
        conninfo(deployed.state, "theseller_web", deployed.secret("db-web"))
    ) as reader:
        reader.execute(
            "set idle_in_transaction_session_timeout = 0"
        )  # slow machines need longer than its half minute
        waits = deployed.ask(_ONCE, name)
        assert waits.endswith("1 transaction(s) that began before the replacement are still open")
        assert deployed.listed()[name]["under_way"] == "reseal"
        assert deployed.ask(_EXISTS, str(old[0])) == "True"
    assert deployed.ask(_ONCE, name) == "finished"
    assert deployed.ask(_EXISTS, str(old[0])) == "False"


def test_the_server_starts_although_a_rotation_of_its_superuser_was_killed(
    deployed: Deployment,
) -> None:
    """Restart everything after the database took the new password and our secret is still the old one."""
    old, new = deployed.secret("db-superuser"), new_timestamped_secret().reveal()
    with psycopg.connect(
        conninfo(deployed.state, SUPERUSER, old, "postgres"), autocommit=True
    ) as connection:
        set_password(connection, SUPERUSER, new)
    staged = deployed.state / "secrets" / "db-superuser-next"
    staged.touch(mode=0o600)
    staged.write_text(new)
    assert not deployed.accepts(SUPERUSER, old)
    with within(deployed.environ):
        apply_roles(
            Server(deployed.state, binaries=find_binaries(os.environ), superuser_password=old)
        )
    assert deployed.accepts(SUPERUSER, old)
    assert "1 rotated" in deployed.theseller("rotate", "db-superuser").stdout
    assert deployed.accepts(SUPERUSER, deployed.secret("db-superuser"))
    assert not staged.exists()


def test_a_rotation_that_an_older_release_began_is_finished(deployed: Deployment) -> None:
    """The older release recorded the step `accept` under another name."""
    former = deployed.secret("tenant-ticket-key")
    assert deployed.ask(_CUT_OFF_BEFORE_SWITCH, "tenant-ticket-key") == "cut off"
    (recorded,) = [name for name, present in _FORMER_STEP_NAMES.items() if present == "accept"]
    with psycopg.connect(
        conninfo(deployed.state, SUPERUSER, deployed.secret("db-superuser")), autocommit=True
    ) as superuser:
        changed = superuser.execute(
            "update governance_rotation set step = %s where secret = 'tenant-ticket-key' and step ="
            " 'accept' and finished_at is null",
            [recorded],
        )
        assert changed.rowcount == 1
    assert deployed.secret("tenant-ticket-key") == former
    assert "1 rotated" in deployed.theseller("rotate", "tenant-ticket-key").stdout
    assert deployed.secret("tenant-ticket-key") != former


def test_failing_rotation_does_not_delay_other_secrets(deployed: Deployment) -> None:
    former = deployed.secret("db-web")
    owner = conninfo(deployed.state, SUPERUSER, deployed.secret("db-superuser"), "postgres")
    with psycopg.connect(owner, autocommit=True) as superuser:
        superuser.execute("alter role theseller_retention nologin")
        try:
            answer = deployed.theseller("rotate", "db-retention", "db-web")
        finally:
            superuser.execute("alter role theseller_retention login")
    assert answer.returncode == 1
    assert "1 of 2 secret(s) could not be replaced: db-retention: psycopg" in answer.stderr
    assert deployed.secret("db-web") != former
    assert deployed.theseller("rotate", "--due").returncode == 0
