"""Every kind of secret is replaced while two processes read and write, without an error.

Nothing is left under the old one, and the old one is refused.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.integration.deployment import Counted, Deployment, Traffic, traffic

from theseller.crypto.errors import KeyStoreError
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.hmac_and_tenant_ticket import tenant_ticket
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.os_processes import wait_until
from theseller.postgres.server_folders import conninfo
from theseller.tenancy.tenant_scope import read_session

#: Long enough for every process to meet what changed: caches hold two seconds.
_AFTERWARDS = 2.5
#: What the two processes do; each must go on through every rotation.
KINDS = {
    "page",
    "session",
    "read",
    "write",
    "reconnect",
    "unseal",
    "sign",
    "key",
    "lwa",
    "jobs",
    "app",
}


@pytest.fixture(scope="module")
def running(deployed: Deployment) -> Iterator[Traffic]:
    with traffic(deployed) as started:
        yield started


def rotated(deployed: Deployment, running: Traffic, *arguments: str) -> str:
    """Rotate by the command, and check that the traffic saw no error.

    Return what the command printed.
    """
    before = running.look()
    done = deployed.theseller("rotate", *arguments)
    time.sleep(_AFTERWARDS)
    wait_until(lambda: not _idle(before, running.look()), 120, step=0.2)
    after = running.look()
    assert done.returncode == 0, done.stdout + done.stderr
    assert after.errors == before.errors, f"{after.errors}\n{running.last_words()}"
    idle = _idle(before, after)
    assert not idle, f"the traffic stood still: {idle}"
    _print_rate(arguments, before, after)
    return done.stdout


def _idle(before: Counted, after: Counted) -> set[str]:
    """Return the kinds of operations of which none was done between two looks."""
    return {kind for kind in KINDS if after.by_kind.get(kind, 0) <= before.by_kind.get(kind, 0)}


def _print_rate(arguments: tuple[str, ...], before: Counted, after: Counted) -> None:
    seconds = after.at - before.at
    sys.stdout.write(
        f"{' '.join(arguments)}: {(after.operations - before.operations) / seconds:.0f}"
        f" operations/s over {seconds:.1f} s, 0 errors\n"
    )


def keys_now(deployed: Deployment) -> RotatableKeyStore:
    return RotatableKeyStore.of(
        FileKeyStore(
            deployed.state / "keys",
            FileSecretProvider(deployed.state / "secrets"),
            environment="demo",
        )
    )


def test_root_key_rotated_under_traffic_no_longer_opens_keys(
    deployed: Deployment, running: Traffic, tmp_path: Path
) -> None:
    before = FileSecretProvider(tmp_path / "secrets")
    before.put("root-key", Secret(deployed.secret("root-key")))
    assert "1 rotated" in rotated(deployed, running, "root-key")
    assert len(deployed.secret("root-key").splitlines()) == 1
    assert deployed.secret("root-key") != before.get("root-key").reveal()
    # The traffic still runs: a file that is being written beside its place is renamed before it
    # could be copied.
    shutil.copytree(
        deployed.state / "keys", tmp_path / "keys", ignore=shutil.ignore_patterns(".writing-*")
    )
    with pytest.raises(KeyStoreError):
        FileKeyStore(tmp_path / "keys", before, environment="demo").get(_data_key(deployed))


@pytest.mark.exhaustive
def test_rotation_of_a_purpose_key_under_traffic(deployed: Deployment, running: Traffic) -> None:
    from theseller.crypto.key_types import Purpose

    (old,) = keys_now(deployed).purpose_keys()[Purpose.REFRESH_TOKEN]
    assert "1 rotated" in rotated(deployed, running, "purpose-key:refresh_token")
    store = keys_now(deployed)
    (new,) = store.purpose_keys()[Purpose.REFRESH_TOKEN]
    assert new != old
    assert store.under_purpose_key(old) == 0


def test_rotation_of_a_connection_data_key_under_traffic(
    deployed: Deployment, running: Traffic
) -> None:
    old = _data_key(deployed)
    assert "1 rotated" in rotated(
        deployed, running, f"connection-key:{deployed.people()[0]['connection']}"
    )
    assert _data_key(deployed) != old
    assert keys_now(deployed).record(old).destroyed


@pytest.mark.exhaustive
def test_rotation_of_the_certificate_key_under_traffic(
    deployed: Deployment, running: Traffic
) -> None:
    old = _signing_keys(deployed)[-1]
    assert "1 rotated" in rotated(deployed, running, "certificate-key")
    (new,) = _signing_keys(deployed)
    assert new != old
    assert keys_now(deployed).record(old).destroyed
    listed = deployed.rows(
        "select retired_at is not null from governance_signing_key order by made_at"
    )
    assert listed[-2:] == [
        (True,),
        (False,),
    ], "a retired public key must stay listed: it proves the certificates that it signed"


@pytest.mark.exhaustive
def test_rotation_of_the_second_factor_key_under_traffic(
    deployed: Deployment, running: Traffic
) -> None:
    (old,) = _second_factor_keys(deployed)
    assert "1 rotated" in rotated(deployed, running, "second-factor-key")
    (new,) = _second_factor_keys(deployed)
    assert new != old
    assert keys_now(deployed).record(old).destroyed
    assert deployed.rows(
        "select count(*) from accounts_authenticator where data_key_id <> %s", new
    ) == [(0,)]


@pytest.mark.exhaustive
def test_rotation_of_the_tenant_ticket_key_under_traffic(
    deployed: Deployment, running: Traffic
) -> None:
    old = Secret(deployed.secret("tenant-ticket-key"))
    assert "1 rotated" in rotated(deployed, running, "tenant-ticket-key")
    assert deployed.rows("select count(*) from guard.ticket_key") == [(1,)]
    assert _scope_opens(deployed, Secret(deployed.secret("tenant-ticket-key")))
    assert not _scope_opens(deployed, old)


@pytest.mark.exhaustive
def test_session_key_rotated_under_traffic_no_longer_signs_sessions(
    deployed: Deployment, running: Traffic
) -> None:
    old = deployed.secret("django-session-key")
    said = rotated(deployed, running, "django-session-key")
    assert "1 rotated" in said, said
    assert deployed.secret("django-session-key") != old
    assert {
        name for name in deployed.secret_names() if name.startswith("django-session-key-")
    } == set()
    forged = (
        "from django.core import signing\nfrom django.contrib.sessions.serializers import"
        " JSONSerializer\nfrom theseller.accounts.session_store import SessionStore\nstore ="
        " SessionStore()\ncontent = signing.dumps({'a': 1}, key=sys.argv[1], salt=store.key_salt,"
        " serializer=JSONSerializer, compress=True)\nprint(store.decode(content))"
    )
    assert deployed.ask(forged, old, role="web").endswith("{}")
    assert deployed.ask(forged, deployed.secret("django-session-key"), role="web").endswith(
        "{'a': 1}"
    )


@pytest.mark.parametrize(
    "roles",
    [
        ("web", "auth", "operator"),
        pytest.param(("worker",), marks=pytest.mark.exhaustive),
        pytest.param(
            ("migrate", "retention", "probe", "backup", "super"), marks=pytest.mark.exhaustive
        ),
    ],
)
def test_rotation_of_database_passwords_under_traffic(
    deployed: Deployment, running: Traffic, roles: tuple[str, ...]
) -> None:
    names = {
        f"theseller_{role}": f"db-{'superuser' if role == 'super' else role}" for role in roles
    }
    old = {role: deployed.secret(name) for role, name in names.items()}
    assert f"{len(roles)} rotated" in rotated(deployed, running, *names.values())
    for role, name in names.items():
        database = "postgres" if name == "db-backup" else "theseller"
        assert not deployed.accepts(role, old[role], database)
        assert deployed.accepts(role, deployed.secret(name), database)


@pytest.mark.exhaustive
def test_rotation_of_the_client_secret_under_traffic(
    deployed: Deployment, running: Traffic, tmp_path: Path
) -> None:
    old, new = (
        deployed.secret("lwa-client-secret"),
        deployed.ask_emulator("rotate_secret")["client_secret"],
    )
    file = tmp_path / "new"
    file.touch(mode=0o600)
    file.write_text("amzn1.oa2-cs.v1." + "0" * 64)
    refused = deployed.theseller("rotate", "lwa-client-secret", "--new-from-file", str(file))
    assert refused.returncode == 1
    assert "Amazon does not accept" in refused.stderr
    assert deployed.secret("lwa-client-secret") == old
    assert "lwa-client-secret-next" not in deployed.secret_names()
    file.write_text(new)
    assert "Amazon accepts the old secret until" in rotated(
        deployed, running, "lwa-client-secret", "--new-from-file", str(file)
    )
    assert (
        deployed.secret("lwa-client-secret"),
        deployed.secret("lwa-client-secret-previous"),
    ) == (new, old)
    listed = deployed.listed()["lwa-client-secret"]
    assert (listed["state"], listed["under_way"]) == ("fresh", "drop-next")


def _data_key(deployed: Deployment) -> UUID:
    found = deployed.rows(
        "select data_key_id from connections_refresh_token where connection_id = %s",
        deployed.people()[0]["connection"],
    )
    return UUID(str(found[0][0]))


def _second_factor_keys(deployed: Deployment) -> list[UUID]:
    return [
        one.id
        for one in keys_now(deployed).list()
        if one.owner == "second-factors" and not one.destroyed
    ]


def _signing_keys(deployed: Deployment) -> list[UUID]:
    return [
        one.id
        for one in keys_now(deployed).list()
        if one.owner == "certificates" and not one.destroyed
    ]


def _scope_opens(deployed: Deployment, key: Secret) -> bool:
    tenant = UUID(deployed.people()[0]["tenant"])
    with psycopg.connect(
        conninfo(deployed.state, "theseller_web", deployed.secret("db-web"))
    ) as connection:
        ticket = tenant_ticket(
            key, tenant, read_session(connection), clock.now().replace(year=2099)
        )
        connection.execute("select set_config('theseller.ticket', %s, true)", [ticket])
        try:
            return connection.execute("select count(*) from tenancy_tenant").fetchone() == (1,)
        except psycopg.errors.InsufficientPrivilege as error:
            assert "forged" in str(error)
            return False
