"""One OpenBao and one moto for the session, set up by the very commands of the documentation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.integration.crypto import deployments
from tests.integration.crypto.deployments import Deployment
from tests.integration.crypto.services import Bao, Moto, Wire, run_documented

from theseller.crypto.key_types import Purpose

KINDS = ("files", "variables", "vault", "aws")
SERVICES = ("vault", "aws")


@pytest.fixture(autouse=True)
def _with_database() -> None:
    """Take the place of the fixture that gives every integration test a database: few tests here need one."""


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """Return a running OpenBao, set up for the environment `test` as docs/operate/secrets.md says."""
    server = Bao(tmp_path_factory.mktemp("bao"))
    try:
        folder = tmp_path_factory.mktemp("newcomer")
        run_documented("vault-prepare", {**server.environ, "THESELLER_ENV": "test"}, folder)
        server.approle = _approle(folder)
        yield server
    finally:
        server.stop()


def _approle(folder: Path) -> dict[str, str]:
    return {
        name: (folder / f"vault-{name.replace('_', '-')}").read_text().strip()
        for name in ("role_id", "secret_id")
    }


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """Return moto's server with a KMS key for each purpose of the environments `test` and `staging`."""
    kept = dict(os.environ)
    os.environ.update(deployments.quiet_credentials())
    patch = pytest.MonkeyPatch()
    _read_descriptions_once(patch)
    server = Moto(tmp_path_factory.mktemp("moto"))
    try:
        kms = server.client("kms")
        for environment in ("test", "staging"):
            for purpose in Purpose:
                key = kms.create_key()["KeyMetadata"]["KeyId"]
                kms.create_alias(AliasName=deployments.alias(purpose, environment), TargetKeyId=key)
        server.client("ssm").describe_parameters()  # moto loads each service at its first use
        server.client("secretsmanager").list_secrets()
        yield server
    finally:
        server.stop()
        patch.undo()
        os.environ.clear()
        os.environ.update(kept)


def _read_descriptions_once(patch: pytest.MonkeyPatch) -> None:
    """Have boto3 read each file that describes a service of AWS once, not for each client."""
    from botocore.loaders import JSONFileLoader

    read = cache(JSONFileLoader().load_file)
    patch.setattr(JSONFileLoader, "load_file", lambda _self, path: read(path))


@pytest.fixture(scope="session")
def wires() -> Iterator[dict[int, Wire]]:
    """Return the lines to the services, by their ports, made as they are asked for."""
    made: dict[int, Wire] = {}
    yield made
    for wire in made.values():
        wire.close()


@pytest.fixture
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """Return one way to keep secrets and keys; parametrise it indirectly by its name."""
    kind = str(request.param)
    if kind == "files":
        return deployments.files(tmp_path)
    if kind == "variables":
        return deployments.variables(tmp_path)
    wires: dict[int, Wire] = request.getfixturevalue("wires")
    if kind == "vault":
        bao: Bao = request.getfixturevalue("bao")
        return deployments.vault(tmp_path, bao, _wire(wires, bao.port), bao.approle)
    moto: Moto = request.getfixturevalue("moto")
    return deployments.aws(tmp_path, moto, _wire(wires, moto.port))


def _wire(wires: dict[int, Wire], port: int) -> Wire:
    if port not in wires:
        wires[port] = Wire(port)
    return wires[port]
