"""What one demo shows of its secrets when everything is driven through it.

Collected once, judged by `test_secret_leaks.py`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.demo_deployment import ROOT
from tests.demo_leak_scan import DATABASES
from tests.expected_figures import CHARLIE, SMALL_SELLER
from tests.leak_scanner import CANARY, AllowedFinding, Exact, LeakScanner, ScanResult
from tests.secret_leaks.driver import UK, Driver
from tests.secret_leaks.http_session import HttpSession
from tests.secret_leaks.instrumented_demo import InstrumentedDemo, images_allowed
from tests.secret_leaks.known_secrets import KnownSecrets
from tests.secret_leaks.process_memory import (
    NotAllowedError,
    core_limit,
    descendants,
    open_files,
    search_memory,
)

from theseller.postgres.binaries import find_binaries
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.server_folders import conninfo

PLANTED = "planted-" + "8kHs3Wd9Zx5Tq7Rn2Bv6"
WORDS = {
    name: f"{name.replace(' ', '-')}-4wQz7Lr9vXk2Tn8pB3mY"
    for name in ("view", "job", "command", "statement", "wrong password", "refused client secret")
}
#: Where a secret may be: in answers and in the deployment's folder. Each is at home there, or
#: leaves from there on purpose.
ANSWERED = (
    AllowedFinding(
        r"POST /connections/attempts/ 303",
        "state of .*",
        "the seller's browser carries it to Amazon and back",
    ),
)
HOMES = (
    AllowedFinding(
        r"state/secrets/[\w-]+", ".*", "the deployment's secrets, each in a file of its own"
    ),
    AllowedFinding(
        r"state/emulator/application\.json",
        "lwa-client-secret.*",
        "what the operator registered at the emulated Amazon",
    ),
    AllowedFinding(
        r"demo\.log",
        "demo-(cast-password|authenticator-secret).*",
        "the demo shows its people's password and Olga's app: they open nothing but the demo",
    ),
)


@dataclass(slots=True)
class Evidence:
    """What was driven, searched and found.

    `images`: for each kind of process, the secrets in its memory, before and after.
    """

    driver: Driver
    known_secrets: KnownSecrets
    places: dict[str, ScanResult] = field(default_factory=dict)
    homes: dict[str, ScanResult] = field(default_factory=dict)
    planted: dict[str, ScanResult] = field(default_factory=dict)
    images: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    image_bytes: dict[str, int] = field(default_factory=dict)
    limits: dict[str, tuple[str, str]] = field(default_factory=dict)
    cores: list[str] = field(default_factory=list)
    core_possible: bool = False
    no_images: str = ""


def gather(demo: InstrumentedDemo, crashes: Sequence[signal.Signals]) -> Evidence:
    """Drive everything, read memory before and after, crash, search, plant, stop.

    Then search what is left. Takes two minutes. `crashes` are the signals by which processes end.
    """
    driver, known_secrets = Driver(demo, WORDS), KnownSecrets()
    found = Evidence(driver, known_secrets)
    for name, value in WORDS.items():
        known_secrets.add(f"word: {name}", value)
    known_secrets.collect_deployment(demo, "first")
    alice, charlie = driver.browser("alice"), driver.browser("charlie")
    driver.fail_to_sign_in()
    driver.fail_to_connect(alice, UK, SMALL_SELLER)
    driver.revoke(driver.connect(alice, UK, SMALL_SELLER))
    charlies = driver.connect(
        charlie, UK, CHARLIE
    )  # after that: a token of his, asked for at the same time, would be the one that is refused
    alices = driver.connect(alice, UK, SMALL_SELLER)
    driver.fail_to_pull()
    driver.fail_to_refresh(alices)
    with ThreadPoolExecutor(1) as beside:
        rotated = beside.submit(driver.rotate_all)
        driver.fail_inside()
        driver.import_files(charlie)
        driver.pulled()
        driver.jobs_done()
        demo.slow_amazon("*")
        rotated.result()
    known_secrets.collect_deployment(demo, "connected")
    known_secrets.collect_wire(demo)
    _look_into(found, "while connected", "worker")
    driver.disconnect(alice, alices)
    driver.disconnect(charlie, charlies)
    driver.rotate_client_secret()
    known_secrets.collect_deployment(demo, "rotated")
    for path in ("/", "/connections/", "/products/", "/security/"):
        alice.get(path)
    _look_into(found, "after disconnecting")
    _crash(found, demo, crashes)
    known_secrets.collect_people(driver.people)
    known_secrets.collect_wire(demo)
    _search_homes(found, demo)
    _search_running(found, demo)
    _plant(found, demo)
    driver.answers.close()
    # Each minute the worker moves finished WAL into the backup: the last rows are younger.
    with ThreadPoolExecutor(1) as beside:
        beside.submit(_plant_rows_until_the_database_ends, demo)
        demo.stop()
    _search_stopped(found, demo)
    return found


def _look_into(found: Evidence, when: str, *kinds: str) -> None:
    """Search the memory of each process, and what it holds open without a name."""
    demo = found.driver.demo
    found.known_secrets.collect_people(found.driver.people)
    found.known_secrets.collect_wire(demo)
    exact, shared = found.known_secrets.exact(), set[str]()
    known_files: set[tuple[int, int]] = set()
    for kind, pids in _processes(demo).items():
        if kinds and kind not in kinds:
            continue
        search = LeakScanner(exact, shapes=(), memory=True)
        files = LeakScanner(exact, shapes=(CANARY,))
        for pid in pids:
            try:
                found.limits[f"{kind} {pid}"] = core_limit(pid)
                found.image_bytes[kind] = found.image_bytes.get(kind, 0) + search_memory(
                    search, kind, pid, shared
                )
                for name, content in open_files(pid, known_files):
                    files.content(f"open file of {kind}: {name}", content)
            except NotAllowedError as refused:
                found.no_images = str(refused)
            except (FileNotFoundError, ProcessLookupError):
                continue  # It has ended meanwhile, as connections of the database do.
        found.images.setdefault(when, {})[kind] = {hit.needle for hit in search.found.hits}
        _add(found.places, "files open without a name", files.found)


def _processes(demo: InstrumentedDemo) -> dict[str, list[int]]:
    web = descendants(demo.process("web").pid)
    return {
        "web, first process": web[:1],
        "web": web[1:],
        "worker": descendants(demo.process("worker").pid),
        "PostgreSQL": descendants(demo.postmaster().pid),
    }


def _add(places: dict[str, ScanResult], place: str, more: ScanResult) -> None:
    known = places.setdefault(place, ScanResult())
    known.hits += more.hits
    known.files += more.files
    known.tables += more.tables
    known.bytes += more.bytes


def _crash(found: Evidence, demo: InstrumentedDemo, signals: Sequence[signal.Signals]) -> None:
    """Crash one process of each kind in each way, from a shell that allowed core images.

    Then search wherever one could be.
    """
    with images_allowed() as allowed:
        found.core_possible = allowed and _writes_a_core(demo)
    before = _cores(demo)
    for number in signals:
        found.driver.kill_in_the_middle(number=number)
    found.cores = sorted(_cores(demo) - before)


def _writes_a_core(demo: InstrumentedDemo) -> bool:
    """Crash a program that forbids nothing.

    Return whether this machine writes core images, and where they are searched.
    """
    before = _cores(demo)
    subprocess.run(
        [sys.executable, "-S", "-c", "import os; os.abort()"], cwd=demo.root, check=False
    )
    made = _cores(demo) - before
    for path in made:
        Path(path).unlink()
    return bool(made)


def _cores(demo: InstrumentedDemo) -> set[str]:
    """Return the files that are core images by their first bytes.

    In every folder where one could be written.
    """
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    folders = [
        ROOT,
        demo.root,
        demo.data,
        Path("/"),
        Path(pattern).parent if pattern.startswith("/") else demo.root,
    ]
    found = set()
    for folder in dict.fromkeys(folders):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_file() and not path.is_symlink() and "core" in path.name:
                with path.open("rb") as file:
                    head = file.read(18)
                if head[:4] == b"\x7fELF" and head[16:18] == b"\x04\x00":
                    found.add(str(path))
    return found


def _search_homes(found: Evidence, demo: InstrumentedDemo) -> None:
    """Find each kind of secret where it belongs.

    A secret that isn't found there could not be found elsewhere either.
    """
    exact = found.known_secrets.exact()
    traffic = LeakScanner(exact, shapes=())
    assert demo.amazon is not None
    traffic.content("Amazon's answers", b"\n".join(demo.amazon.traffic.answers))
    cookies = LeakScanner(exact, shapes=())
    cookies.content("Set-Cookie", b"\n".join(found.driver.answers.cookies))
    files = LeakScanner(exact, shapes=())
    files.folder(demo.state / "secrets")
    found.homes = {
        "Amazon's answers": traffic.found,
        "Set-Cookie": cookies.found,
        "secret files": files.found,
    }


def _search_running(found: Evidence, demo: InstrumentedDemo) -> None:
    """Search what the running deployment gives out.

    Answers, what commands print, tables, a superuser's dump.
    """
    exact = found.known_secrets.exact()
    for place, search_place in RUNNING.items():
        search = LeakScanner(exact, excused=ANSWERED, compressed=())
        search_place(search, found.driver)
        found.places[place] = search.found


def _answers(search: LeakScanner, driver: Driver) -> None:
    for place, content in driver.answers.plain:
        search.content(place, content)


def _printed(search: LeakScanner, driver: Driver) -> None:
    for place, content in driver.printed:
        search.content(place, content)


def _tables(search: LeakScanner, driver: Driver) -> None:
    search.database(driver.demo.superuser, DATABASES)
    with driver.demo.superuser() as connection:
        for view in ("pg_stat_activity", "pg_settings", "pg_prepared_statements", "pg_authid"):
            query = sql.SQL("copy (select * from {}) to stdout").format(sql.Identifier(view))
            with connection.cursor() as cursor, cursor.copy(query) as rows:
                search.content(f"view {view}", b"".join(bytes(part) for part in rows))


def _dump(search: LeakScanner, driver: Driver) -> None:
    """Dump everything as a superuser does, roles with the verifiers of their passwords included."""
    demo, program = driver.demo, find_binaries(os.environ).program("pg_dumpall")
    if not program.exists():
        pytest.skip(f"there is no pg_dumpall beside {program.parent}")
    password = demo.secret("db-superuser")
    done = subprocess.run(
        [str(program), "-d", conninfo(demo.state, SUPERUSER, password, "postgres")],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PGPASSWORD": password},
    )
    assert done.returncode == 0, done.stderr[-500:]
    search.content("pg_dumpall", done.stdout)


RUNNING: dict[str, Callable[[LeakScanner, Driver], None]] = {
    "HTTP answers": _answers,
    "what commands print": _printed,
    "tables and job rows": _tables,
    "a superuser's dump": _dump,
}
#: The log of changes holds whole pages, compressed; rows are decompressed by the searches of tables
#: and dump. Some of each kind do here.
_COMPRESSED = (
    "word:",
    "refresh token",
    "root-key",
    "db-web",
    "django-session-key",
    "lwa-client-secret",
    "state of alice",
)
FILES, DATA, NAMELESS, MEMORY = (
    "files, logs, temporary files",
    "the data directory and WAL",
    "files open without a name",
    "memory",
)


def _search_stopped(found: Evidence, demo: InstrumentedDemo) -> None:
    """Search every file that the deployment left.

    State, logs, the data directory with its log of changes, temporary files.
    """
    data = [] if demo.data.is_relative_to(demo.root) else [(DATA, demo.data, "data/")]
    for place, folder, label in ((FILES, demo.root, ""), *data):
        planted = Exact("planted", PLANTED.encode())
        search = LeakScanner(
            [*found.known_secrets.exact(), planted],
            excused=() if place == DATA else HOMES,
            compressed=_COMPRESSED,
        )
        search.folder(folder, label=label)
        hits = search.found.hits
        search.found.hits = [hit for hit in hits if hit.needle != planted.name]
        _add(found.places, place, search.found)
        found.planted[place] = ScanResult(
            [hit for hit in hits if hit.needle == planted.name], bytes=search.found.bytes
        )


def _plant(found: Evidence, demo: InstrumentedDemo) -> None:
    """Put one secret into each kind of place, as a mistake would, and search each by the same means."""
    needle, beside = [Exact("planted", PLANTED.encode())], Driver(demo, WORDS)
    HttpSession("anonymous", demo.web, beside.answers).post_bare(
        "/tests/echo/", {"remark": PLANTED}
    )
    beside.printed.append(
        (
            "a command",
            subprocess.run(
                [sys.executable, "-c", f"print({PLANTED!r})"], capture_output=True, check=True
            ).stdout,
        )
    )
    _plant_a_row(demo)
    for place, search_place in RUNNING.items():
        search = LeakScanner(needle, shapes=())
        search_place(search, beside)
        found.planted[place] = search.found
    beside.answers.close()
    with (demo.state / "log" / "web.log").open("a") as log:
        log.write(f"could not use {PLANTED}\n")
    (demo.temporary / "left-over.gz").write_bytes(gzip.compress(PLANTED.encode()))
    _plant_in_a_process(found, needle)


def _plant_a_row(demo: InstrumentedDemo) -> None:
    with demo.superuser() as superuser:
        superuser.execute(
            "insert into procrastinate_jobs (queue_name, task_name, args, scheduled_at) values"
            " ('q', 'planted', %s, now() + interval '1 day')",
            (json.dumps({"remark": PLANTED}),),
        )


def _plant_rows_until_the_database_ends(demo: InstrumentedDemo) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            _plant_a_row(demo)
            time.sleep(0.5)


_HOLD = """
import sys, tempfile, time
file, kept = tempfile.TemporaryFile(), sys.stdin.read()
file.write(kept.encode()); file.flush(); print(1, flush=True); time.sleep(60)
"""


def _plant_in_a_process(found: Evidence, needle: list[Exact]) -> None:
    """Have a process hold the secret in its memory and in a file that has no name any more."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(PLANTED.encode())
        child.stdin.close()
        child.stdout.readline()
        images, files = LeakScanner(needle, shapes=(), memory=True), LeakScanner(needle)
        try:
            search_memory(images, "a process", child.pid, set())
            found.planted[MEMORY] = images.found
        except NotAllowedError as refused:
            found.no_images = str(refused)
        for name, content in open_files(child.pid, set()):
            files.content(name, content)
        found.planted[NAMELESS] = files.found
        child.kill()
