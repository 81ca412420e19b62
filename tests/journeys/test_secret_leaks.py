"""Every secret of a running deployment is found in the places it belongs to and nowhere else.

It is driven through every path, the failing ones too.

The demo's real processes run with settings of the tests (`tests/secret_leaks`): what they add is an
Amazon that repeats every secret it receives, and code that fails while it holds a secret. Each
place is searched; each prints how much; in each a planted secret is found.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from tests.leak_scanner import ScanResult
from tests.secret_leaks.collect_evidence import (
    DATA,
    FILES,
    MEMORY,
    NAMELESS,
    RUNNING,
    WORDS,
    Evidence,
    gather,
)
from tests.secret_leaks.instrumented_demo import instrumented_demo

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc"),
]
_NUMBERED = re.compile(r"[\s,(]*(?:\d|first|connected|rotated|of \w+|[0-9a-f]{8}-).*$")


@pytest.fixture(
    scope="module",
    params=[
        (signal.SIGSEGV,),
        pytest.param((signal.SIGSEGV, signal.SIGKILL), marks=pytest.mark.exhaustive),
    ],
    ids=["SIGSEGV", "SIGSEGV and SIGKILL"],
)
def evidence(request: pytest.FixtureRequest) -> Iterator[Evidence]:
    with instrumented_demo(WORDS) as demo:
        yield gather(demo, request.param)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def write(sentence: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {sentence}")

    return write


def _names(found: ScanResult) -> set[str]:
    return {hit.needle for hit in found.hits}


def _kinds(names: set[str]) -> dict[str, int]:
    """Count names by their kind: 'access token 7' and 'access token 8' are two access tokens."""
    kinds: dict[str, int] = {}
    for name in sorted(names):
        kind = _NUMBERED.sub("", name)
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def test_no_secret_is_outside_the_places_it_belongs_to(
    evidence: Evidence, say: Callable[[str], None]
) -> None:
    say(
        f"{len(evidence.driver.done)} paths driven, {len(evidence.known_secrets.known)} secrets:"
        f" {_kinds(set(evidence.known_secrets.known))}"
    )
    for place, found in evidence.places.items():
        say(f"{place}: {found}")
    assert not [
        f"{hit.needle} ({hit.form}) in {hit.place}"
        for found in evidence.places.values()
        for hit in found.hits
    ]
    assert (
        min(found.bytes for place, found in evidence.places.items() if place != NAMELESS) > 1_000
    ), "a place was hardly searched"
    assert {*RUNNING, NAMELESS, FILES} <= set(evidence.places)


def test_every_kind_of_secret_is_found_where_it_belongs(evidence: Evidence) -> None:
    homes = {home: _kinds(_names(found)) for home, found in evidence.homes.items()}
    assert {"access token", "refresh token", "document signature"} <= set(homes["Amazon's answers"])
    assert {"session", "csrf"} <= set(homes["Set-Cookie"])
    for name in (
        "root-key",
        "django-session-key",
        "tenant-ticket-key",
        "lwa-client-secret",
        "demo-cast-password",
        "db-web",
        "db-superuser",
    ):
        assert any(one.startswith(name) for one in homes["secret files"]), name
    kinds = _kinds(set(evidence.known_secrets.known))
    for kind in (
        "code",
        "state",
        "data key refresh_token",
        "purpose key refresh_token",
        "root key's bytes",
        "word: view",
    ):
        assert kinds.get(kind, 0) >= 1, f"no {kind} was driven: {kinds}"


def test_the_search_finds_what_is_planted_in_each_kind_of_place(evidence: Evidence) -> None:
    expected = {*RUNNING, NAMELESS, *(place for place in (FILES, DATA) if place in evidence.places)}
    expected |= set() if evidence.no_images else {MEMORY}
    assert {place for place, found in evidence.planted.items() if found.hits} == expected
    places = "\n".join(hit.place for found in evidence.planted.values() for hit in found.hits)
    for place in (
        "log/web.log",
        "tmp/left-over.gz",
        "base/",
        "procrastinate_jobs",
        "POST /tests/echo/",
    ):
        assert place in places, place
    assert "pg_wal/" in places or "postgres/archive/" in places, (
        "the database archives a finished file of WAL, then reuses it"
    )


def test_no_crash_leaves_a_core_dump(evidence: Evidence, say: Callable[[str], None]) -> None:
    say(
        f"limits of {len(evidence.limits)} processes; a crash can write an image on this machine:"
        f" {evidence.core_possible}"
    )
    assert len(evidence.limits) > 8
    assert set(evidence.limits.values()) == {("0", "0")}
    assert evidence.cores == []


def test_memory_holds_only_what_its_process_works_with(
    evidence: Evidence, say: Callable[[str], None]
) -> None:
    if evidence.no_images:
        pytest.skip(f"this user may not read memory: {evidence.no_images}")
    for when, processes in evidence.images.items():
        for kind, names in processes.items():
            say(f"memory {when}, {kind}: {_kinds(names) or 'no secret'}")
    say(f"bytes of memory: {evidence.image_bytes}")
    before, after = evidence.images["while connected"], evidence.images["after disconnecting"]
    assert "access token" in _kinds(before["worker"]), "the one home of a living access token"
    # The statements of the failing code are the tests' own doing: no statement of the product's
    # carries a secret.
    assert {name for name in after["PostgreSQL"] if not name.startswith("word:")} == set()
    assert after["web, first process"] == set()
    for kind, others in {
        "web": {"db-superuser", "db-backup", "db-migrate"},
        "worker": {"db-superuser", "db-migrate"},
    }.items():
        # The worker takes the backups: that password is one that it works with.
        foreign = {name for name in after[kind] if name.partition(",")[0] in others}
        assert not foreign, f"{kind}: {sorted(foreign)}"


def test_the_run_exercised_enough_requests(evidence: Evidence) -> None:
    done = evidence.driver.done
    assert len(done) > 60, done
    for way in (
        "connect",
        "code exchange:",
        "refresh:",
        "view:",
        "job:",
        "command:",
        "import:",
        "rotate --all",
        "disconnect",
        "SIG",
        "^/documents/",
    ):
        assert any(one.startswith(way) for one in done), way
