"""`theseller secrets`, and where each kind of deployment may keep things."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from theseller.cli.deployment_secrets import (
    LWA_CLIENT_SECRET_NAME,
    ensure_secrets,
    own_secrets,
    secret_config,
)
from theseller.cli.main import main
from theseller.config.environment import (
    EnvironmentKind,
    InvalidSettingError,
    read_environment,
    read_secret_config,
)
from theseller.crypto.environment_secrets import read_bundle
from theseller.crypto.errors import SecretNotFoundError, SecretProviderError
from theseller.crypto.key_types import Purpose
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key
from theseller.crypto.secret_and_key_config import (
    ProviderKind,
    StoreKind,
    make_key_store,
    make_secret_provider,
)
from theseller.lib.secret_type import Secret

PLACES = (
    "THESELLER_ENV",
    "THESELLER_SECRET_PROVIDER",
    "THESELLER_KEY_STORE",
    "THESELLER_ALLOW_FILE_SECRETS",
    "DATABASE_URL",
    "VERCEL",
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("THESELLER_") or name in PLACES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("THESELLER_STATE", str(tmp_path / "state"))


def test_fill_check_and_put_on_files(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["secrets", "check"]) == 1
    shown = capsys.readouterr().out
    assert "✗ root-key" in shown
    assert "restore it from its copy" in shown
    assert f"{'✗ django-session-key':24} missing: `theseller secrets fill` creates it\n" in shown
    assert (
        f"{'✗ db-web':24} missing: `theseller secrets fill` creates it, then `theseller migrate`"
        " sets it in the database\n" in shown
    )
    assert f"missing: `theseller secrets put {LWA_CLIENT_SECRET_NAME}`" in shown
    assert main(["secrets", "fill"]) == 0
    assert "made: root-key, django-session-key" in capsys.readouterr().out
    assert main(["secrets", "fill"]) == 0
    assert "nothing was missing" in capsys.readouterr().out
    assert main(["secrets", "check"]) == 1  # Amazon's is not ours to make
    assert f"✗ {LWA_CLIENT_SECRET_NAME}" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("canary-of-amazon\n"))
    assert main(["secrets", "put", LWA_CLIENT_SECRET_NAME]) == 0
    capsys.readouterr()
    assert main(["secrets", "check", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {one["problem"] for one in printed["secrets"]} == {""}
    assert printed["keys"]["problem"] == ""
    assert main(["secrets", "check"]) == 0
    shown = capsys.readouterr().out
    assert "✓ data keys" in shown
    assert "canary" not in shown


def test_put_refuses_a_name_that_is_never_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))
    assert main(["secrets", "put", "lwa-secret"]) == 1
    assert "not a secret of this deployment" in capsys.readouterr().err


def test_secrets_put_needs_replace_option_and_refuses_malformed_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def put(name: str, text: str, *options: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return main(["secrets", "put", name, *options])

    def kept(name: str) -> str:
        return ensure_secrets(tmp_path / "state").get(name).reveal()

    working = "amzn1.oa2-cs.v1." + "0" * 64
    assert put(LWA_CLIENT_SECRET_NAME, working + "\n") == 0
    before = {
        name: kept(name)
        for name in (LWA_CLIENT_SECRET_NAME, "root-key", "db-web", "tenant-ticket-key")
    }
    for name, text in (
        (LWA_CLIENT_SECRET_NAME, "a b\nc\n"), (LWA_CLIENT_SECRET_NAME, ""),
        (LWA_CLIENT_SECRET_NAME, "\n"), (LWA_CLIENT_SECRET_NAME, "short\n"),
        (LWA_CLIENT_SECRET_NAME, working + " \n"), (LWA_CLIENT_SECRET_NAME, "\u00e9" * 20 + "\n"),
        (LWA_CLIENT_SECRET_NAME, "x" * 513), (LWA_CLIENT_SECRET_NAME, working + "\n" + working),
        ("root-key", working), ("root-key", new_root_key("staging").reveal()),
        ("root-key", "theseller-root-1.demo.x.y"), ("db-web", "short"),
        ("tenant-ticket-key", "with a space in it"),
    ):  # fmt: skip
        assert put(name, text, "--replace") == 1, (name, text)
        assert "nothing was changed" in capsys.readouterr().err
    assert put(LWA_CLIENT_SECRET_NAME, "another-of-amazon\n") == 1
    assert "is stored already; nothing was changed" in capsys.readouterr().err
    assert put("root-key", new_root_key("demo").reveal()) == 1
    assert {name: kept(name) for name in before} == before
    assert put(LWA_CLIENT_SECRET_NAME, working + "\n") == 0  # The same again is no replacement.
    assert put(LWA_CLIENT_SECRET_NAME, "another-of-amazon\n", "--replace") == 0
    assert kept(LWA_CLIENT_SECRET_NAME) == "another-of-amazon"


def test_a_bundle_is_all_that_the_environment_provider_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THESELLER_ENV", "staging")
    monkeypatch.setenv("THESELLER_SECRET_PROVIDER", "environment")
    monkeypatch.setenv("THESELLER_ALLOW_FILE_SECRETS", "yes")
    with pytest.raises(SecretProviderError, match="theseller secrets bundle"):
        ensure_secrets(tmp_path / "state")
    assert main(["secrets", "bundle"]) == 0
    bundle = capsys.readouterr().out.strip()
    assert set(read_bundle(Secret(bundle), "")) == set(own_secrets(secret_config(tmp_path)))
    monkeypatch.setenv("THESELLER_SECRETS", bundle)
    monkeypatch.setenv("THESELLER_LWA_CLIENT_SECRET", "x-of-amazon")
    assert main(["secrets", "fill"]) == 0
    assert main(["secrets", "check"]) == 0
    assert (
        "environment staging: secrets in environment, data keys in files" in capsys.readouterr().out
    )


def test_own_secrets_omit_root_key_with_key_service_and_superuser_with_external_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THESELLER_ENV", "production")
    monkeypatch.setenv("THESELLER_SECRET_PROVIDER", "vault")
    monkeypatch.setenv("THESELLER_VAULT_ADDRESS", "https://vault.example:8200")
    names = own_secrets(secret_config(tmp_path))
    assert ROOT_KEY_NAME not in names
    assert "db-superuser" in names
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/theseller?sslmode=verify-full")
    assert "db-superuser" not in own_secrets(secret_config(tmp_path))


VAULT = {"THESELLER_VAULT_ADDRESS": "https://vault.example:8200"}
AWS = {"THESELLER_AWS_REGION": "eu-central-1"}


@pytest.mark.parametrize(
    ("kind", "environ", "provider", "store"),
    [
        (EnvironmentKind.DEMO, {}, "files", "files"),
        (
            EnvironmentKind.TEST,
            {"THESELLER_SECRET_PROVIDER": "environment"},
            "environment",
            "files",
        ),
        (EnvironmentKind.PRODUCTION, {"THESELLER_ALLOW_FILE_SECRETS": "yes"}, "files", "files"),
        (
            EnvironmentKind.PRODUCTION,
            {"THESELLER_SECRET_PROVIDER": "vault", **VAULT},
            "vault",
            "vault",
        ),
        (EnvironmentKind.STAGING, {"THESELLER_SECRET_PROVIDER": "aws", **AWS}, "aws", "aws"),
        (
            EnvironmentKind.STAGING,
            {"THESELLER_SECRET_PROVIDER": "aws", "AWS_REGION": "eu-central-1"},
            "aws",
            "aws",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {
                "THESELLER_SECRET_PROVIDER": "environment",
                "THESELLER_KEY_STORE": "aws",
                "VERCEL": "1",
                **AWS,
            },
            "environment",
            "aws",
        ),
    ],
)
def test_secret_provider_and_key_store_are_read_from_the_environment(
    kind: EnvironmentKind, environ: dict[str, str], provider: str, store: str, tmp_path: Path
) -> None:
    choice = read_secret_config(environ, kind=kind, state=tmp_path)
    assert (choice.provider, choice.key_store) == (ProviderKind(provider), StoreKind(store))
    assert choice.environment == kind.value


@pytest.mark.parametrize(
    ("kind", "environ", "sentence"),
    [
        (
            EnvironmentKind.PRODUCTION,
            {},
            (
                "THESELLER_SECRET_PROVIDER and THESELLER_KEY_STORE would keep secrets in files .*"
                " THESELLER_ALLOW_FILE_SECRETS=yes"
            ),
        ),
        (
            EnvironmentKind.STAGING,
            {"THESELLER_ALLOW_FILE_SECRETS": "no"},
            "THESELLER_ALLOW_FILE_SECRETS=yes",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {"THESELLER_SECRET_PROVIDER": "environment"},
            "^THESELLER_KEY_STORE would keep",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {"THESELLER_SECRET_PROVIDER": "vault", "THESELLER_KEY_STORE": "files", **VAULT},
            "^THESELLER_KEY_STORE would keep",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {"THESELLER_SECRET_PROVIDER": "vault"},
            "THESELLER_VAULT_ADDRESS must look like https",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {"THESELLER_SECRET_PROVIDER": "aws"},
            "THESELLER_AWS_REGION must name",
        ),
        (
            EnvironmentKind.TEST,
            {
                "THESELLER_SECRET_PROVIDER": "aws",
                **AWS,
                "THESELLER_AWS_ENDPOINT": "http://aws.example",
            },
            "THESELLER_AWS_ENDPOINT must look",
        ),
        (
            EnvironmentKind.TEST,
            {"THESELLER_SECRET_PROVIDER": "keychain"},
            "THESELLER_SECRET_PROVIDER must be one of files, environment, vault, aws",
        ),
        (
            EnvironmentKind.TEST,
            {"THESELLER_KEY_STORE": "environment"},
            "THESELLER_KEY_STORE must be one of files, vault, aws",
        ),
        (
            EnvironmentKind.DEMO,
            {"THESELLER_SECRET_PROVIDER": "vault", **VAULT},
            "the demo keeps its secrets in files",
        ),
        (
            EnvironmentKind.DEMO,
            {"THESELLER_KEY_STORE": "aws"},
            "the demo keeps its secrets in files: unset THESELLER_KEY_STORE",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {"THESELLER_ALLOW_FILE_SECRETS": "yes", "VERCEL": "1"},
            r"no lasting disk \(VERCEL is set\)",
        ),
        (
            EnvironmentKind.PRODUCTION,
            {
                "THESELLER_SECRET_PROVIDER": "environment",
                "THESELLER_ALLOW_FILE_SECRETS": "yes",
                "AWS_LAMBDA_FUNCTION_NAME": "f",
            },
            "set THESELLER_KEY_STORE to vault or aws",
        ),
        (
            EnvironmentKind.TEST,
            {
                "THESELLER_SECRET_PROVIDER": "vault",
                **VAULT,
                "THESELLER_SECRETS_TIMEOUT_SECONDS": "0",
            },
            "number from 0.1 to 60",
        ),
    ],
)
def test_invalid_secret_provider_or_key_store_setting_is_refused(
    kind: EnvironmentKind, environ: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSettingError, match=sentence):
        read_secret_config(environ, kind=kind, state=tmp_path)


def test_staging_has_productions_rules_and_may_use_the_emulator(tmp_path: Path) -> None:
    environ = {
        "THESELLER_ENV": "staging",
        "THESELLER_PUBLIC_URL": "https://staging.example",
        "THESELLER_ALLOW_FILE_SECRETS": "yes",
    }
    environ["THESELLER_TRUSTED_PROXIES"] = "none"
    assert read_environment(environ, default_state=tmp_path).emulator_url
    with pytest.raises(InvalidSettingError, match="https:// address in staging"):
        read_environment(
            {**environ, "THESELLER_PUBLIC_URL": "http://staging.example"}, default_state=tmp_path
        )


def test_key_service_is_not_called_before_the_first_read(tmp_path: Path) -> None:
    """A settings file that cannot reach its key service must still be importable by tools."""
    choice = read_secret_config(
        {"THESELLER_SECRET_PROVIDER": "vault", "THESELLER_VAULT_ADDRESS": "https://127.0.0.1:1"},
        kind=EnvironmentKind.TEST,
        state=tmp_path,
    )
    provider = make_secret_provider(choice, {})
    with pytest.raises(SecretNotFoundError, match="nothing to sign in to the key service with"):
        provider.get("x")


def test_secret_and_key_store_factories_share_the_same_files(tmp_path: Path) -> None:
    choice = read_secret_config({}, kind=EnvironmentKind.TEST, state=tmp_path)
    secrets = make_secret_provider(choice, {})
    ensure = [
        secrets.ensure(
            ROOT_KEY_NAME, lambda: Secret(f"theseller-root-1.test.{'0' * 32}.{'A' * 43}=")
        )
        for _ in range(2)
    ]
    assert ensure[0] == ensure[1]
    store = make_key_store(choice, secrets, {})
    assert make_key_store(choice, secrets, {}).exists(store.create(Purpose.PII, "day:1").id)
