"""Security page §4: Amazon is called from the server only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings

from theseller.controls.probe_tools import module_imports
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="net-server-side",
    section=4,
    title=gettext_noop("Only the server calls Amazon; a browser never can"),
    statement=gettext_noop(
        "One package sends HTTP requests to the outside, to Amazon's addresses and no others. Pages"
        " forbid the browser to load from or connect to any host but ours, so no credential of"
        " Amazon's has a way there."
    ),
    citation="Security page §4; Data Protection Policy 1.1",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.amazon.transport",
        "theseller.amazon.endpoints:Endpoints",
        "theseller.edge.csp_directives",
    ),
)

_CLIENTS = (
    "httpx",
    "requests",
    "urllib.request",
    "urllib3",
    "http.client",
    "aiohttp",
    "websockets",
    "ftplib",
    "paramiko",
)
#: The only packages that may: Amazon's client, and the command line, whose supervisor asks its own
#: programs whether they answer, and whose `doctor` and `prober` test the public address.
_MAY_SPEAK = ("amazon/", "cli/", "emulator/")
_OURS = {"'self'", "'none'"}


def probe(context: ProbeContext) -> Outcome:
    """Check modules' imports, the client's hosts, and the pages' policy."""
    del context
    modules = module_imports.module_imports()
    addresses = list(_addresses())
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    must_find(_speaking({"planted.py": frozenset({"httpx"})}), "a module that sends HTTP requests")
    must_find(
        any(
            name.startswith(_CLIENTS)
            for module in modules
            if module.startswith("amazon/")
            for name in modules[module]
        ),
        "Amazon's client",
    )
    must_find(not _is_amazon("amazonaws.com.elsewhere.invalid"), "an address that is not Amazon's")
    failures = _speaking(modules)
    failures += [
        f"The client may call {host}, which is not Amazon's."
        for host in addresses
        if not _is_amazon(host)
    ]
    failures += [
        f"Pages may reach {origin} ({directive})."
        for directive, origins in directives.items()
        for origin in map(str, origins)
        if directive != "form-action" and origin not in _OURS
    ]
    if "connect-src" not in directives and "default-src" not in directives:
        failures.append("Pages do not forbid the browser to connect elsewhere.")
    return verdict(
        len(modules) + len(addresses) + len(directives),
        failures,
        f"{len(modules)} modules, {len(addresses)} addresses and {len(directives)} rules for"
        " browsers were read; only Amazon can be called, only by the server. This is the"
        " configuration; no traffic was watched.",
        modules=len(modules),
        addresses=len(addresses),
        rules_for_browsers=len(directives),
    )


def _speaking(modules: Mapping[str, frozenset[str]]) -> list[str]:
    return [
        f"Module {module} can send requests to other hosts ({name})."
        for module, names in modules.items()
        if not module.startswith(_MAY_SPEAK)
        for name in sorted(names)
        if name.startswith(_CLIENTS)
    ]


def _addresses() -> Iterator[str]:
    endpoints = settings.AMAZON_ENDPOINTS
    for address in (endpoints.lwa_token_url, *endpoints.spapi_base.values()):
        yield urlsplit(address).hostname or ""


def _is_amazon(host: str) -> bool:
    if settings.ENVIRONMENT.emulator_url:
        return host == urlsplit(settings.ENVIRONMENT.emulator_url).hostname
    return host.endswith((".amazon.com", ".amazon.co.uk", ".amazonaws.com"))
