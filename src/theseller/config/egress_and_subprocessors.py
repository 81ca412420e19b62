"""The hosts that this deployment may call, and its third parties.

The hosts follow from the configuration; the operator lists the third parties.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

from theseller.accounts.oidc.types import OidcSettings
from theseller.amazon.endpoints import Endpoints
from theseller.amazon.report_document_stream import HOSTS
from theseller.config.environment import Environment, InvalidSettingError
from theseller.lib.egress_guard import Destination, Subprocessor
from theseller.mail.types import MailSettings

_ENTRY = re.compile(r"([^:;]{2,80}?)\s*(?::\s*(.*))?")
_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*|[0-9a-f:]+")


def destinations(
    environment: Environment,
    amazon: Endpoints,
    mail: MailSettings | None = None,
    oidc: OidcSettings | None = None,
    *,
    traces_url: str = "",
) -> tuple[Destination, ...]:
    """Return the hosts to which the service may connect, each once."""
    found: dict[str, Destination] = {}
    services = (
        *_of_services(environment),
        *_of_mail(mail),
        *_of_oidc(oidc),
        *_of_traces(traces_url),
    )
    for one in (*_of_amazon(amazon), *services):
        found.setdefault(one.host, one)
    return tuple(found.values())


def _of_amazon(amazon: Endpoints) -> Iterator[Destination]:
    for address in (amazon.lwa_token_url, *amazon.spapi_base.values()):
        yield Destination(_host(address), "the sellers' own data", source=True)
    if amazon.seller_central_base is None:
        for host in HOSTS:
            yield Destination(
                host, "report documents, at the addresses that Amazon gives", source=True
            )


def _of_services(environment: Environment) -> Iterator[Destination]:
    choice = environment.secret_config
    if choice.vault is not None:
        yield Destination(_host(choice.vault.address), "secrets and keys")
    if choice.aws is not None:
        yield Destination(
            _host(choice.aws.endpoint) or f"*.{choice.aws.region}.amazonaws.com", "secrets and keys"
        )
    if environment.database_url:
        yield Destination(_host(environment.database_url) or "localhost", "the database")
    if environment.backups.startswith("s3://"):
        options = parse_qs(urlsplit(environment.backups).query)
        endpoint, region = options.get("endpoint", [""])[0], options.get("region", [""])[0]
        yield Destination(_host(endpoint) or f"*.{region}.amazonaws.com", "backups, encrypted")


def _of_mail(mail: MailSettings | None) -> Iterator[Destination]:
    if mail is not None and mail.server is not None:
        yield Destination(
            mail.server.host.lower(), "mail to members, operators and configured authorities"
        )


def _of_oidc(oidc: OidcSettings | None) -> Iterator[Destination]:
    if oidc is not None and oidc.configured:
        for host in (_host(oidc.issuer), *oidc.hosts):
            yield Destination(host, "single sign-on")


def _of_traces(url: str) -> Iterator[Destination]:
    if url:
        yield Destination(_host(url), "times of requests and jobs, for monitoring")


def _host(address: str) -> str:
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    return (parts.hostname or query.get("host", [""])[0]).lower()


def read_register(environ: Mapping[str, str]) -> tuple[Subprocessor, ...]:
    """Read ``THESELLER_SUBPROCESSORS``: ``NAME: HOST HOST; NAME``.

    Raises:
        InvalidSettingError: an entry has another form.
    """
    found = []
    for text in filter(
        None, (part.strip() for part in environ.get("THESELLER_SUBPROCESSORS", "").split(";"))
    ):
        entry = _ENTRY.fullmatch(text)
        hosts = tuple((entry.group(2) or "").lower().split()) if entry else ()
        if (
            entry is None
            or not text.isprintable()
            or not all(_HOST.fullmatch(host) for host in hosts)
        ):
            raise InvalidSettingError(
                "THESELLER_SUBPROCESSORS lists third parties as `NAME: HOST HOST; NAME`, for"
                " everybody to read: a name of 2 to 80 characters, and the hosts of theirs that"
                " this service calls, such as `Acme Hosting GmbH (database): db.acme.example`"
            )
        found.append(Subprocessor(entry.group(1), hosts))
    return tuple(found)
