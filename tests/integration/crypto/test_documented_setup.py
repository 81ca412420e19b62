"""A newcomer follows docs/operate/secrets.md for each provider, and is ready at the end."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from tests.integration.crypto.aws_command import aws_command
from tests.integration.crypto.conftest import KINDS
from tests.integration.crypto.deployments import Deployment
from tests.integration.crypto.services import Bao, Moto, run_documented

from theseller.cli.deployment_secrets import LWA_CLIENT_SECRET_NAME, own_secrets, secret_config
from theseller.cli.main import main
from theseller.config.environment import EnvironmentKind
from theseller.crypto.errors import ServiceState
from theseller.crypto.key_types import Purpose
from theseller.crypto.secret_and_key_config import (
    make_key_store,
    make_secret_provider,
    parse_secret_config,
)

DOCUMENT = (Path(__file__).parents[3] / "docs/operate/secrets.md").read_text()


@pytest.mark.parametrize("deployment", KINDS, indirect=True)
def test_the_commands_fill_put_and_check_work_as_documented(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(os.environ):
        if name.startswith("THESELLER_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    for name, value in {
        **deployment.environ,
        "THESELLER_ENV": "test",
        "THESELLER_STATE": str(deployment.state / "state"),
    }.items():
        monkeypatch.setenv(name, value)
    if deployment.name == "variables":
        capsys.readouterr()
        assert main(["secrets", "bundle"]) == 0
        monkeypatch.setenv("THESELLER_SECRETS", capsys.readouterr().out.strip())
        monkeypatch.setenv("THESELLER_LWA_CLIENT_SECRET", "canary-of-amazon")
    else:
        if deployment.name != "files":  # the services are shared by all tests of the session
            make_secret_provider(secret_config(deployment.state), os.environ).remove(
                LWA_CLIENT_SECRET_NAME
            )
        assert main(["secrets", "fill"]) == 0
        assert main(["secrets", "check"]) == 1
        assert f"✗ {LWA_CLIENT_SECRET_NAME}" in capsys.readouterr().out
        monkeypatch.setattr("sys.stdin", io.StringIO("canary-of-amazon\n"))
        assert main(["secrets", "put", LWA_CLIENT_SECRET_NAME]) == 0
    assert main(["secrets", "check"]) == 0
    shown = capsys.readouterr().out
    assert "✗" not in shown
    assert "canary" not in shown
    assert (
        shown.count("✓") == len(own_secrets(secret_config(deployment.state))) + 2
    )  # Amazon's, and the key store


def test_the_commands_for_openbao_may_be_run_again(bao: Bao, tmp_path: Path) -> None:
    """They were run for the fixture already; a second environment beside the first needs them too."""
    run_documented("vault-prepare", {**bao.environ, "THESELLER_ENV": "staging"}, tmp_path)
    environ = {
        "THESELLER_SECRET_PROVIDER": "vault",
        "THESELLER_VAULT_ADDRESS": bao.address,
        "THESELLER_VAULT_CA_FILE": str(bao.certificate),
        "THESELLER_VAULT_ROLE_ID": (tmp_path / "vault-role-id").read_text().strip(),
        "THESELLER_VAULT_SECRET_ID_FILE": str(tmp_path / "vault-secret-id"),
    }
    assert (tmp_path / "vault-secret-id").stat().st_mode & 0o077 == 0
    choice = parse_secret_config(environ, environment="staging", state=tmp_path, guarded=True)
    store = make_key_store(choice, make_secret_provider(choice, environ), environ)
    for purpose in set(Purpose) - {Purpose.ROOT}:
        assert store.get(store.create(purpose, "x").id).purpose is purpose


def test_the_commands_for_aws(moto: Moto, tmp_path: Path) -> None:
    """By a stand-in for the `aws` command, which is not here: the same calls, to moto."""
    with aws_command(moto, tmp_path) as folder:
        environ = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "THESELLER_ENV": "production",
        }
        run_documented("aws-prepare", environ, tmp_path)
    ours = {
        "THESELLER_SECRET_PROVIDER": "aws",
        "THESELLER_AWS_REGION": "eu-central-1",
        "THESELLER_AWS_ENDPOINT": moto.address,
    }
    choice = parse_secret_config(ours, environment="production", state=tmp_path, guarded=True)
    store = make_key_store(choice, make_secret_provider(choice, ours), ours)
    kms = moto.client("kms")
    for purpose in set(Purpose) - {Purpose.ROOT}:
        assert store.get(store.create(purpose, "x").id).purpose is purpose
        alias = f"alias/theseller-production-{purpose.value.replace('_', '-')}"
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_key_service_document_names_every_variable_and_state() -> None:
    variables = set(re.findall(r"THESELLER_[A-Z_]+[A-Z]", DOCUMENT))
    source = "".join(
        path.read_text() for path in (Path(__file__).parents[3] / "src/theseller").rglob("*.py")
    )
    for variable in variables - {
        "THESELLER_DB_WEB",
        "THESELLER_DB_WEB_FILE",
        "THESELLER_LWA_CLIENT_SECRET",
    }:
        assert variable.removesuffix("_FILE") in source, variable
    table = DOCUMENT.split("## What is needed", 1)[1].split("\n## ", 1)[0]
    for name in {
        *own_secrets(
            parse_secret_config({}, environment="demo", state=Path("state"), guarded=False)
        ),
        LWA_CLIENT_SECRET_NAME,
    }:
        assert f"`{name}`" in table
    answers = DOCUMENT.split("## When the service does not answer", 1)[1]
    assert set(re.findall(r"\| `([a-z-]+)` \|", answers)) == {
        state.value for state in ServiceState
    } - {ServiceState.READ_ONLY.value}
    assert {kind.value for kind in EnvironmentKind} <= set(
        re.findall(r"`([a-z]+)`", DOCUMENT.split("## What each", 1)[0])
    )
