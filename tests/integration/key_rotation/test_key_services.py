"""Rotation from end to end where a key service keeps secrets and keys.

A real OpenBao, and moto's AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.integration.crypto import deployments
from tests.integration.crypto.services import Bao, Moto, run_documented
from tests.integration.deployment import Deployment, deployment

from theseller.crypto.errors import KeyDestroyedError, SecretNotFoundError
from theseller.crypto.hmac_and_tenant_ticket import tenant_ticket
from theseller.crypto.key_types import Purpose
from theseller.crypto.secret_and_key_config import make_purpose_rotation
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.server_folders import conninfo
from theseller.tenancy.tenant_scope import read_session

ENVIRONMENT = "staging"
_STAGING = {
    "THESELLER_ENV": ENVIRONMENT,
    "THESELLER_PUBLIC_URL": "https://theseller.test",
    "THESELLER_SECRETS_TIMEOUT_SECONDS": "20",
    "THESELLER_TRUSTED_PROXIES": "none",
    "THESELLER_SECURITY_OFFICER": "Ada Lovelace",
    "THESELLER_SECURITY_CONTACT": "security@shop.internal",
    "THESELLER_LEGAL_ENTITY": "Shop GmbH",
    "THESELLER_LEGAL_ADDRESS": "Long Street 1, Berlin",
}


@pytest.fixture(scope="module", params=["vault", pytest.param("aws", marks=pytest.mark.exhaustive)])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A deployment that keeps nothing in files, under the documented policy."""
    server: Bao | Moto
    if request.param == "vault":
        server, variables = _openbao(
            tmp_path_factory.mktemp("bao"), tmp_path_factory.mktemp("newcomer")
        )
    else:
        server, variables = _aws(tmp_path_factory.mktemp("moto"))
    try:
        with deployment(_STAGING | variables) as built:
            yield built
    finally:
        server.stop()


def _openbao(folder: Path, newcomer: Path) -> tuple[Bao, dict[str, str]]:
    bao = Bao(folder)
    run_documented("vault-prepare", {**bao.environ, "THESELLER_ENV": ENVIRONMENT}, newcomer)
    return bao, {
        "THESELLER_SECRET_PROVIDER": "vault",
        "THESELLER_VAULT_ADDRESS": bao.address,
        "THESELLER_VAULT_CA_FILE": str(bao.certificate),
        "THESELLER_VAULT_ROLE_ID": (newcomer / "vault-role-id").read_text().strip(),
        "THESELLER_VAULT_SECRET_ID_FILE": str(newcomer / "vault-secret-id"),
    }


def _aws(folder: Path) -> tuple[Moto, dict[str, str]]:
    moto, quiet = Moto(folder), deployments.quiet_credentials()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in quiet.items():
            patch.setenv(name, value)
        kms = moto.client("kms")
        for purpose in Purpose:
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            kms.create_alias(AliasName=deployments.alias(purpose, ENVIRONMENT), TargetKeyId=key)
    return moto, quiet | {
        "THESELLER_SECRET_PROVIDER": "aws",
        "THESELLER_AWS_REGION": "eu-central-1",
        "THESELLER_AWS_ENDPOINT": moto.address,
    }


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process call the services as the deployment's own do."""
    for name, value in deployments.quiet_credentials().items():
        monkeypatch.setenv(name, value)


def _rotate(served: Deployment, *arguments: str) -> str:
    done = served.theseller("rotate", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _is_aws(served: Deployment) -> bool:
    return served.environ["THESELLER_SECRET_PROVIDER"] == "aws"


def _assert_only_one_secret(served: Deployment, name: str) -> None:
    for left in ("-next", "-previous"):
        with pytest.raises(SecretNotFoundError):
            served.secrets.get(name + left)


def test_key_inventory_lists_secrets_kept_by_the_key_service(served: Deployment) -> None:
    listed = served.listed()
    assert not (served.state / "secrets").exists()
    assert not (served.state / "keys").exists()
    assert "root-key" not in listed
    purposes = {name for name in listed if name.startswith("purpose-key:")}
    # AWS replaces its purpose keys by itself; transit's are ours to replace.
    assert purposes == (
        set()
        if _is_aws(served)
        else {f"purpose-key:{one.value}" for one in Purpose if one is not Purpose.ROOT}
    )
    assert all(listed[name]["state"] == "fresh" for name in purposes)
    # The service's own root, and our credential at it, need a person to record their age.
    assert listed["service-root-key"]["state"] == "unknown"
    assert (
        served.theseller(
            "rotate", "service-root-key", "--created-on", f"{clock.now():%Y-%m-%d}"
        ).returncode
        == 0
    )
    assert served.listed()["service-root-key"]["state"] == "fresh"
    refused = served.theseller("rotate", "service-root-key")
    assert refused.returncode == 1
    assert "by hand" in refused.stderr


def test_rotation_of_purpose_keys_in_a_key_service(served: Deployment) -> None:
    if _is_aws(served):
        refused = served.theseller("rotate", "purpose-key:refresh_token")
        assert refused.returncode == 1
        assert "there is no secret" in refused.stderr
        return
    transit = make_purpose_rotation(served._choice(), served.environ)
    assert transit is not None
    keys = {
        one.id: served.keys.get(one.id)
        for one in served.keys.list()
        if one.purpose is Purpose.REFRESH_TOKEN and not one.destroyed
    }
    assert keys
    before = transit.newest(Purpose.REFRESH_TOKEN)
    assert "1 rotated" in _rotate(served, "purpose-key:refresh_token")
    assert transit.newest(Purpose.REFRESH_TOKEN) == before + 1
    assert transit.under_older(Purpose.REFRESH_TOKEN) == ()
    assert {key_id: served.keys.get(key_id) for key_id in keys} == keys
    assert transit.oldest_made_at(Purpose.REFRESH_TOKEN) >= transit.oldest_made_at(Purpose.PII)


def test_rotation_of_data_keys_in_a_key_service(served: Deployment) -> None:
    connection = served.people()[0]["connection"]
    names = {
        f"connection-key:{connection}": f"connection:{connection}",
        "certificate-key": "certificates",
        "second-factor-key": "second-factors",
    }
    old = {
        owner: [one.id for one in served.keys.list() if one.owner == owner and not one.destroyed]
        for owner in names.values()
    }
    assert all(len(ids) == 1 for ids in old.values())
    assert "3 rotated" in _rotate(served, *names)
    store = served.keys
    for owner, (former,) in old.items():
        with pytest.raises(KeyDestroyedError):
            store.get(former)
        (new,) = [one.id for one in store.list() if one.owner == owner and not one.destroyed]
        assert store.get(new).id == new
    well = (
        "from tests.integration.key_rotation.kills import check_rotated; check_rotated(sys.argv[1])"
    )
    served.ask(well, f"connection-key:{connection}")


def test_rotation_of_the_tenant_ticket_key_in_a_key_service(served: Deployment) -> None:
    old = Secret(served.secret("tenant-ticket-key"))
    assert _scope_opens(served, old)
    assert "1 rotated" in _rotate(served, "tenant-ticket-key")
    assert _scope_opens(served, Secret(served.secret("tenant-ticket-key")))
    assert not _scope_opens(served, old)
    _assert_only_one_secret(served, "tenant-ticket-key")


def test_leaked_session_key_in_a_key_service_is_refused_after_rotation(served: Deployment) -> None:
    old = served.secret("django-session-key")
    assert "1 rotated" in _rotate(served, "django-session-key", "--leaked")
    assert served.secret("django-session-key") != old
    _assert_only_one_secret(served, "django-session-key")
    is_accepted = (
        "from django.conf import settings; key, others = settings.SESSION_KEYS(); print(sys.argv[1]"
        " in (key, *others))"
    )
    assert served.ask(is_accepted, old, role="web") == "False"
    assert served.ask(is_accepted, served.secret("django-session-key"), role="web") == "True"


def test_rotation_of_database_passwords_in_a_key_service(served: Deployment) -> None:
    roles = ("web", "worker", "migrate", "probe")
    old = {role: served.secret(f"db-{role}") for role in roles}
    assert f"{len(roles)} rotated" in _rotate(served, *(f"db-{role}" for role in roles))
    for role in roles:
        assert not served.accepts(f"theseller_{role}", old[role])
        assert served.accepts(f"theseller_{role}", served.secret(f"db-{role}"))
        _assert_only_one_secret(served, f"db-{role}")


def test_rotation_of_the_client_secret_in_a_key_service(served: Deployment, tmp_path: Path) -> None:
    old, new = (
        served.secret("lwa-client-secret"),
        served.ask_emulator("rotate_secret")["client_secret"],
    )
    file = tmp_path / "new"
    file.touch(mode=0o600)
    file.write_text(new)
    assert "1 rotated" in _rotate(
        served, "lwa-client-secret", "--leaked", "--new-from-file", str(file)
    )
    assert served.secret("lwa-client-secret") == new != old
    _assert_only_one_secret(served, "lwa-client-secret")
    used = (
        "from django.conf import settings; print([one.reveal() for one in"
        " settings.LWA_CLIENT_SECRETS()] == [sys.argv[1]])"
    )
    assert served.ask(used, new) == "True"


def _scope_opens(served: Deployment, key: Secret) -> bool:
    tenant = UUID(served.people()[0]["tenant"])
    with psycopg.connect(
        conninfo(served.state, "theseller_web", served.secret("db-web"))
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
