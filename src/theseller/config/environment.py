"""The environment, read once and typed. A wrong value stops the process with a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

Choice = TypeVar("Choice", bound=StrEnum)


class InvalidSettingError(ValueError):
    """A setting is missing or wrong."""


class Kind(StrEnum):
    """What this deployment is for. It is part of every key's identity, so that one kind can't read another's data."""

    DEMO = "demo"
    PRODUCTION = "production"
    TEST = "test"


class ProcessRole(StrEnum):
    """Which of the database roles this process connects as."""

    MIGRATE = "migrate"
    PROBE = "probe"
    RETENTION = "retention"
    WEB = "web"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything this process is told from outside, except secrets."""

    kind: Kind
    role: ProcessRole
    state: Path
    database_url: str | None
    database_name: str
    emulator_url: str | None
    public_url: str
    lwa_client_id: str
    application_id: str
    application_is_draft: bool

    @property
    def secrets_directory(self) -> Path:
        return self.state / "secrets"


def read_environment(environ: Mapping[str, str], *, default_state: Path) -> Environment:
    """Read and check the `THESELLER_…` variables. Raises InvalidSettingError naming the variable and what it may be."""
    kind = _choice(Kind, environ.get("THESELLER_ENV", Kind.DEMO), "THESELLER_ENV")
    amazon = environ.get("THESELLER_AMAZON", "emulator:http://127.0.0.1:8101")
    emulator_url = None
    if amazon.startswith("emulator:"):
        emulator_url = amazon.removeprefix("emulator:").rstrip("/")
        if kind is Kind.PRODUCTION:
            raise InvalidSettingError("THESELLER_AMAZON names the emulator; production needs THESELLER_AMAZON=amazon")
    elif amazon != "amazon":
        raise InvalidSettingError("THESELLER_AMAZON must be `amazon` or `emulator:http://127.0.0.1:PORT`")
    public_url = environ.get("THESELLER_PUBLIC_URL", "http://127.0.0.1:8100").rstrip("/")
    if kind is Kind.PRODUCTION and urlsplit(public_url).scheme != "https":
        raise InvalidSettingError("THESELLER_PUBLIC_URL must be an https:// address in production")
    return Environment(
        kind=kind,
        role=_choice(ProcessRole, environ.get("THESELLER_ROLE", ProcessRole.WEB), "THESELLER_ROLE"),
        state=Path(environ.get("THESELLER_STATE") or default_state).resolve(),
        database_url=environ.get("DATABASE_URL") or None,
        database_name=environ.get("THESELLER_DATABASE", "theseller"),
        emulator_url=emulator_url,
        public_url=public_url,
        lwa_client_id=environ.get("THESELLER_LWA_CLIENT_ID", "amzn1.application-oa2-client.demo"),
        application_id=environ.get("THESELLER_APPLICATION_ID", "amzn1.sellerapps.app.demo"),
        application_is_draft=environ.get("THESELLER_APPLICATION_DRAFT", "no") in {"yes", "1", "true"},
    )


def _choice(kind: type[Choice], value: str, name: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise InvalidSettingError(f"{name} must be one of {', '.join(kind)}") from None
