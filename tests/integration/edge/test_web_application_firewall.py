"""The firewall stops attacks and lets legitimate requests through; logs hold nothing of either."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import pytest
from django import forms
from django.conf import settings
from django.urls import get_resolver
from tests.integration.edge.edge_site import Edge, Outcome, edge
from tests.integration.edge.legitimate_requests import legitimate

from theseller.cli.demo_nginx_configuration import SHIPPED
from theseller.cli.outside_prober.attack_request_samples import (
    ATTACKS,
    Request,
    attacks,
    multipart,
    reliable_attacks,
)
from theseller.cli.outside_prober.legitimate_request_samples import legitimate_requests
from theseller.config.request_buffering_worker import BODY_MAX, LARGE_BODIES_AT
from theseller.postgres.os_processes import wait_until

#: Share of the attacks that must be refused.
STOPPED = 0.98
_SLICE = 40


@pytest.fixture(scope="module")
def site() -> Iterator[Edge]:
    with edge() as running:
        yield running


def _slice(requests: Sequence[Request], size: int = _SLICE) -> list[Request]:
    """Return `size` requests, spread over all of them; of another kind each."""
    return [requests[number * len(requests) // size] for number in range(size)]


def _passed(outcomes: list[Outcome]) -> list[str]:
    """Return the names of attacks that were not refused, or reached the server."""
    return [
        f"{one.status} {one.request.name}"
        for one in outcomes
        if one.status not in {400, 403, 405} or one.arrived is not None
    ]


def _refused(outcomes: list[Outcome]) -> list[str]:
    """Return the names of requests that were refused, or did not arrive as they were sent."""
    return [
        f"{one.status} {one.request.name}"
        for one in outcomes
        if one.status != 200
        or one.arrived is None
        or one.arrived.body != hashlib.sha256(one.request.body).hexdigest()
    ]


def test_a_slice_of_the_attacks_is_stopped(site: Edge) -> None:
    outcomes = list(site.send(_slice(list(attacks()))))
    passed = _passed(outcomes)
    assert len(passed) <= (1 - STOPPED) * len(outcomes) + 1, passed


def test_a_slice_of_the_legitimate_requests_passes(site: Edge) -> None:
    assert _refused(list(site.send(_slice(list(legitimate(files=4)))))) == []


@pytest.mark.exhaustive
def test_98_percent_of_all_attacks_are_stopped(site: Edge) -> None:
    everything = list(attacks())
    assert len(everything) >= 600
    passed = _passed(list(site.send(everything)))
    assert len(passed) <= (1 - STOPPED) * len(everything), passed
    for kind in ATTACKS:  # none of the kinds is hidden by the others
        of_kind = [one for one in everything if one.name.startswith(f"{kind} ")]
        missed = [one for one in passed if one.split(" ", 1)[1].startswith(f"{kind} ")]
        assert len(missed) <= 0.1 * len(of_kind), missed


@pytest.mark.exhaustive
def test_every_request_that_a_prober_may_draw_is_refused_or_passes(site: Edge) -> None:
    """A prober expects the same of each; a few of them are in each of its runs."""
    drawn, legitimate_drawn = list(reliable_attacks()), list(legitimate_requests())
    assert len(drawn) >= 600
    assert len(legitimate_drawn) >= 170
    assert _passed(list(site.send(drawn))) == []
    assert _refused(list(site.send(legitimate_drawn))) == []


@pytest.mark.exhaustive
def test_all_legitimate_requests_pass(site: Edge) -> None:
    everything = list(legitimate(files=200))
    assert len(everything) >= 600
    assert _refused(list(site.send(everything))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"SecRuleEngine On": "SecRuleEngine Off"},
        {"SecRuleEngine On": "SecRuleEngine DetectionOnly"},
        {"        modsecurity on;": "        modsecurity off;"},
    ],
    ids=str,
)
def test_the_attacks_pass_without_the_firewall(changes: dict[str, str]) -> None:
    """The test of the attacks can fail: without the firewall most of them arrive."""
    with edge(changes) as open_site:
        outcomes = list(open_site.send(_slice(list(attacks()), 12)))
    assert len(_passed(outcomes)) > len(outcomes) // 2


def _subclasses(kind: type[forms.Form]) -> set[type[forms.Form]]:
    below = set(kind.__subclasses__())
    return below.union(*map(_subclasses, below))


def test_every_password_field_may_hold_any_characters(site: Edge) -> None:
    """Fields of forms with a password widget, and no other names, are left out of the search."""
    left_out = set(
        re.findall(r'OWASP_CRS "!ARGS:(\w+)"', (SHIPPED / "waf" / "fields.conf").read_text())
    )
    assert get_resolver().url_patterns  # loads every form
    found = {
        name
        for form in _subclasses(forms.Form)
        if form.__module__.startswith("theseller.")
        for name, field in form.base_fields.items()
        if isinstance(field.widget, forms.PasswordInput)
    }
    assert left_out == found, "deploy/edge/waf/fields.conf must name the fields of passwords"
    body = b"&".join(f"{name}=1'+UNION+SELECT+1--".encode() for name in sorted(found))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    allowed = Request("passwords", "POST", "/sign-in/", headers, body)
    refused = Request("other field", "POST", "/sign-in/", headers, b"next=1'+UNION+SELECT+1--")
    assert [one.status for one in site.send([allowed, refused])] == [200, 403]


def test_large_uploads_pass_and_their_names_are_searched(site: Edge) -> None:
    """Of a body above 1 MB only the first part is read by the rules."""
    content = b"order-id\tproduct-name\n1\tUNION SELECT * FROM <script>\n" * 100_000
    sent = []
    for name in ("orders.txt", "../orders.txt", "<script>.txt", "${jndi:ldap:x}.txt"):
        headers, body = multipart(name, content, csrfmiddlewaretoken="a1B2c3" * 10)
        sent.append(Request(name, "POST", "/imports/", headers, body))
    outcomes = list(site.send(sent))
    assert _refused(outcomes[:1]) == []
    assert [one.status for one in outcomes[1:]] == [403, 403, 403]


def test_logs_hold_nothing_that_was_sent_but_address_method_and_path(site: Edge) -> None:
    canary = "cnry5d81f"
    attack = f"' OR 1=1; DROP TABLE {canary}--"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    upload, body = multipart(f"../{canary}.txt", canary.encode(), csrfmiddlewaretoken=canary)
    sent = [
        Request("query", "GET", f"/products/?q={canary}"),
        Request("attack in query", "GET", f"/products/?q={attack.replace(' ', '+')}"),
        Request("form", "POST", "/sign-in/", form, f"email={canary}&password={canary}".encode()),
        Request("attack in form", "POST", "/sign-in/", form, f"email={attack}".encode()),
        Request("headers", "GET", "/", {"Referer": f"https://x/{canary}", "User-Agent": canary}),
        Request("attack in headers", "GET", "/", {"Referer": attack, "X-Api-Version": attack}),
        Request("cookie", "GET", "/", {"Cookie": f"__Host-theseller_session={canary}"}),
        Request("attack in cookie", "GET", "/", {"Cookie": f"a={attack}; b={canary}"}),
        Request("upload", "POST", "/imports/", upload, body),
        Request("unreadable", "POST", "/sign-in/", upload, body[:-20]),
        Request("certificate", "GET", f"/certificates/{canary}/"),
    ]
    outcomes = list(site.send(sent, client="2001:db8:77::1"))
    assert [one.status for one in outcomes] == [200, 403] * 4 + [403, 400, 200]

    def lines() -> list[str]:
        return [line for line in site.logs().splitlines() if "2001:db8:77::1" in line]

    # nginx writes the line of a request after its answer.
    assert wait_until(lambda: len(lines()) == len(sent), 60.0)
    logs = site.logs()
    assert [re.search(r'"waf":"([^"]+)"', line)[1] for line in lines()] == [  # type: ignore[index]
        "-", "sql", "-", "sql", "-", "sql", "-", "sql", "protocol", "unreadable", "-",
    ]  # fmt: skip
    assert canary not in logs
    assert "DROP" not in logs


def test_limits_are_not_stricter_than_those_of_the_application() -> None:
    site_text = (SHIPPED / "theseller.conf").read_text()
    rules = (SHIPPED / "waf" / "rules.conf").read_text()
    assert BODY_MAX < 512 * 1024
    assert "client_max_body_size 512k;" in site_text
    assert "SecRequestBodyLimit 524288\n" in rules
    assert (LARGE_BODIES_AT, settings.UPLOAD_BYTES_MAX) == ((b"/imports/",), 64 * 1024 * 1024)
    assert "location = /imports/ {\n        client_max_body_size 66m;" in site_text
    assert f"SecArgumentsLimit {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS}\n" in rules
