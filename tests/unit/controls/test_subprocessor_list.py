"""Who is behind which host: the operator's list, and what the configuration lets the service call."""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.amazon.endpoints import Endpoints
from theseller.amazon.report_document_stream import HOSTS
from theseller.config.egress_and_subprocessors import destinations, read_register
from theseller.config.environment import InvalidSettingError, read_environment
from theseller.lib.egress_guard import Subprocessor

AMAZON = {
    "api.amazon.com", "sellingpartnerapi-na.amazon.com", "sellingpartnerapi-eu.amazon.com",
    "sellingpartnerapi-fe.amazon.com", *HOSTS,
}  # fmt: skip


def _hosts(tmp_path: Path, endpoints: Endpoints, **environ: str) -> set[str]:
    environment = read_environment(
        {"THESELLER_STATE": str(tmp_path), **environ}, default_state=tmp_path
    )
    return {one.host for one in destinations(environment, endpoints) if not one.local}


def test_default_configuration_calls_only_amazon_hosts(tmp_path: Path) -> None:
    assert _hosts(tmp_path, Endpoints.amazon()) == AMAZON
    assert _hosts(tmp_path, Endpoints.emulated("http://127.0.0.1:8101")) == set()


@pytest.mark.parametrize(
    ("environ", "more"),
    [
        ({"DATABASE_URL": "postgresql://u@db.acme.example:5433/theseller"}, {"db.acme.example"}),
        ({"DATABASE_URL": "postgresql:///theseller?host=/run/postgresql"}, set()),
        ({"DATABASE_URL": "postgresql:///theseller?host=db.acme.example"}, {"db.acme.example"}),
        (
            {"THESELLER_BACKUPS": "s3://bucket/x?region=eu-central-1"},
            {"*.eu-central-1.amazonaws.com"},
        ),
        (
            {"THESELLER_BACKUPS": "s3://bucket/x?region=r&endpoint=https://objects.acme.example"},
            {"objects.acme.example"},
        ),
    ],
)
def test_each_configured_service_adds_its_host(
    tmp_path: Path, environ: dict[str, str], more: set[str]
) -> None:
    assert _hosts(tmp_path, Endpoints.amazon(), **environ) == AMAZON | more


def test_subprocessor_list_is_parsed() -> None:
    text = " Acme Hosting GmbH (machines) ; Acme DB: DB.acme.example *.files.acme.example;"
    assert read_register({"THESELLER_SUBPROCESSORS": text}) == (
        Subprocessor("Acme Hosting GmbH (machines)"),
        Subprocessor("Acme DB", ("db.acme.example", "*.files.acme.example")),
    )
    assert read_register({}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "Acme: not_a_host",
        "Acme: https://db.acme.example",
        "Acme: db/x",
        "A" * 81,
        "Ac\nme",
        ": db.acme.example",
    ],
)
def test_invalid_subprocessor_list_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="THESELLER_SUBPROCESSORS"):
        read_register({"THESELLER_SUBPROCESSORS": text})
