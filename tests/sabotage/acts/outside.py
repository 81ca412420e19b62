"""Section 4, seen from outside: what the prober reports of the public address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from tests.sabotage.outside import NAME, Outside, at_address, observing, register
from tests.sabotage.saboteurs import Act, Tools, blinds, breaks

from theseller.controls.prober_reports.message_format import TlsSection
from theseller.lib import clock

_VERSIONS = {
    "TLSv1": "refused",
    "TLSv1_1": "refused",
    "TLSv1_2": "accepted",
    "TLSv1_3": "accepted",
}


def _in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


_TLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("has the address accept TLS 1.0", {"versions": _VERSIONS | {"TLSv1": "accepted"}}),
    ("has the address accept TLS 1.1", {"versions": _VERSIONS | {"TLSv1_1": "accepted"}}),
    ("has the address accept outdated ciphers", {"old_ciphers": "accepted"}),
    (
        "shows a certificate of another name",
        {"certificate_error": "Hostname mismatch", "expires_at": ""},
    ),
    ("shows a certificate that ends in three days", {"expires_at": _in_days(3)}),
    (
        "serves a page over plain HTTP",
        {"redirect_status": 200, "redirect_location": ""},
    ),
    (
        "redirects plain HTTP to another host",
        {"redirect_location": "https://elsewhere.example/security/"},
    ),
    ("redirects plain HTTP for now only", {"redirect_status": 302}),
    ("sends no HSTS", {"hsts": ""}),
    ("sends HSTS for an hour", {"hsts": "max-age=3600; includeSubDomains; preload"}),
    ("sends HSTS without preload", {"hsts": "max-age=63072000; includeSubDomains"}),
)


def _reporting(change: Callable[[Outside], Outside]) -> Act:
    def act(_tools: Tools) -> Iterator[None]:
        yield from observing(change)

    return act


for _does, _changes in _TLS:
    breaks("net-tls", _does)(_reporting(at_address(**_changes)))

_READ_FROM_REPORTS = ("net-tls",)


def _without_tls_1_1(outside: Outside) -> Outside:
    assert outside.tls is not None
    return replace(outside, tls=TlsSection(["TLSv1", "old ciphers"], outside.tls.addresses))


_NOT_SEEN: dict[str, Callable[[Outside], Outside]] = {
    "has the prober's own server refuse TLS 1.1": _without_tls_1_1,
    "has the address answer nothing over TLS": at_address(
        versions=dict.fromkeys(_VERSIONS, "unreachable"), old_ciphers="unreachable", hsts=""
    ),
    "closes the port for plain HTTP": at_address(redirect_status=0, redirect_location=""),
    "measures no TLS": lambda outside: replace(outside, tls=None),
}
for _does, _change in _NOT_SEEN.items():
    blinds("net-tls", _does)(_reporting(_change))


@blinds(
    _READ_FROM_REPORTS[0],
    "has the prober's last report be 26 minutes old",
    also=_READ_FROM_REPORTS[1:],
)
def _late(tools: Tools) -> Iterator[None]:
    tools.superuser.execute("delete from controls_prober_run")
    yield from observing(lambda outside: replace(outside, age=timedelta(minutes=26)))


@blinds(_READ_FROM_REPORTS[0], "changes a byte of the stored report", also=_READ_FROM_REPORTS[1:])
def _changed(tools: Tools) -> Iterator[None]:
    def change() -> None:
        tools.superuser.execute(
            "update controls_prober_report set document = set_byte(document, 20,"
            " get_byte(document, 20) # 1)"
        )

    yield from observing(lambda outside: replace(outside, afterwards=change))


@blinds(
    _READ_FROM_REPORTS[0],
    "stores an old report again as that of a new run",
    also=_READ_FROM_REPORTS[1:],
)
def _again(tools: Tools) -> Iterator[None]:
    def replay() -> None:
        tools.superuser.execute("update controls_prober_run set challenge = sha256(challenge)")

    yield from observing(lambda outside: replace(outside, afterwards=replay))


@blinds(_READ_FROM_REPORTS[0], "replaces the prober's registered key", also=_READ_FROM_REPORTS[1:])
def _other_key(tools: Tools) -> Iterator[None]:
    def set_key(key: bytes) -> None:
        tools.superuser.execute(
            "update controls_prober set public_key = %s where name = %s", [key, NAME]
        )

    row = tools.superuser.execute(
        "select public_key from controls_prober where name = %s", [NAME]
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    key = row[0]
    yield from observing(
        lambda outside: replace(outside, afterwards=lambda: set_key(sha256(key).digest())),
        repair=lambda: set_key(key),
    )


@blinds(
    _READ_FROM_REPORTS[0],
    "runs the prober on the deployment's own machine",
    also=_READ_FROM_REPORTS[1:],
)
def _inside(_tools: Tools) -> Iterator[None]:
    yield from observing(lambda outside: replace(outside, client="127.0.0.1"))


@blinds(_READ_FROM_REPORTS[0], "removes the prober", also=_READ_FROM_REPORTS[1:])
def _removed(tools: Tools) -> Iterator[None]:
    def remove() -> None:
        tools.superuser.execute("delete from controls_prober")

    yield from observing(lambda outside: replace(outside, afterwards=remove), repair=register)
