"""Every path that a secret takes through the product, the failing ones too.

Driven in the real processes of one demo.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import httpx
from tests.demo_deployment import ROOT
from tests.expected_figures import ALICE
from tests.integration.ingest.imports.files import report
from tests.secret_leaks.failures import FAILURES
from tests.secret_leaks.http_session import HttpSession, ResponseLog
from tests.secret_leaks.instrumented_demo import InstrumentedDemo
from tests.secret_leaks.process_memory import descendants
from tests.secret_leaks.recording_amazon import (
    INVALID_GRANT,
    RecordingAmazon,
    lwa_failure_modes,
    spapi_failure_modes,
)

from theseller.amazon.reports import ReportType
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.os_processes import wait_until
from theseller.postgres.server_folders import conninfo

US, UK = "ATVPDKIKX0DER", "A1F83G8C2ARO7P"
_PATIENCE = 240.0


@dataclass(slots=True)
class Driver:
    """Drives one world; `answers` and `printed` are what came out of it."""

    demo: InstrumentedDemo
    words: dict[str, str]
    answers: ResponseLog = field(default_factory=ResponseLog)
    printed: list[tuple[str, bytes]] = field(default_factory=list)
    people: list[HttpSession] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def browser(self, name: str, *, signed_in: bool = True) -> HttpSession:
        person = HttpSession(name, self.demo.web, self.answers)
        self.people.append(person)
        if signed_in:
            person.sign_in(self.demo.password)
        return person

    def note(self, what: str) -> None:
        self.done.append(what)

    def unlimited(self) -> None:
        """Give every rate limit its full allowance again: it is not what is tried here."""
        self.demo.rows("delete from edge_ratebucket returning 1")

    def connect(self, person: HttpSession, store: str, seller: str) -> str:
        answer = person.come_back(person.consent(store, seller, emulator=self.demo.emulator))
        assert answer.headers["location"] == "/connections/", answer.headers["location"]
        self.note("connect")
        return self.connection_of(seller)

    def connection_of(self, seller: str) -> str:
        found = self.demo.rows(
            "select c.id::text from connections_connection c where selling_partner_id = %s and not"
            " exists"
            " (select from connections_disconnection d where d.connection_id = c.id)", (seller,),
        )  # fmt: skip
        return str(found[0][0])

    def tenant_of(self, connection: str) -> str:
        return str(
            self.demo.rows(
                "select tenant_id::text from connections_connection where id::text = %s",
                (connection,),
            )[0][0]
        )

    def fail_to_connect(self, person: HttpSession, store: str, seller: str) -> None:
        """Cause every failure of Amazon's in the exchange of a code.

        Then the ways in which a return itself is wrong.
        """
        amazon = _amazon(self.demo)
        for failure_mode in (*lwa_failure_modes(), INVALID_GRANT):
            self.unlimited()
            back = person.consent(store, seller, emulator=self.demo.emulator)
            amazon.expect(replace(failure_mode, asks=b"authorization_code"))
            answer = person.come_back(back)
            assert "/refused/" in answer.headers.get("location", ""), (
                f"{failure_mode.name}: {answer.status_code}"
            )
            person.come_back(answer.headers["location"])
            self.note(f"code exchange: {failure_mode.name}")
        self._wrong_returns(person, store, seller)

    def _wrong_returns(self, person: HttpSession, store: str, seller: str) -> None:
        self.unlimited()
        back = person.consent(store, seller, emulator=self.demo.emulator)
        other = self.browser("bob")
        anonymous = self.browser("anonymous", signed_in=False)
        for who, address in (
            (other, back),
            (anonymous, back),
            (person, back.replace("state=", "state=x")),
        ):
            who.come_back(address)
        _raw(self.demo, f"GET {urlsplit(back).path}?{urlsplit(back).query} HTTP/9.9\r\n\r\n")
        _raw(
            self.demo,
            f"GET {urlsplit(back).path}?{urlsplit(back).query} HTTP/1.1\r\nHost:"
            " elsewhere.example\r\n\r\n",
        )
        person.come_back(back.replace("/callback/", "/callback/no-such-page/"))
        self.note(
            "returns of another person, without sign-in, with a wrong state, unreadable, for"
            " another host, to no page"
        )

    def fail_to_refresh(self, connection: str) -> None:
        """Begin every failure of Amazon's in the refresh of an access token, in jobs of the worker.

        `pulled` waits for the last.
        """
        amazon, failure_modes = _amazon(self.demo), lwa_failure_modes()
        for failure_mode in failure_modes:
            amazon.expect(failure_mode)
        tenant = self.tenant_of(connection)
        self.defer(
            [("tests.refresh", {"tenant": tenant, "connection": connection})]
            * (len(failure_modes) + 2)
        )
        self.done += [f"refresh: {failure_mode.name}" for failure_mode in failure_modes]

    def revoke(self, connection: str) -> None:
        """Have Amazon say that the seller revoked; the connection ends by itself."""
        _amazon(self.demo).expect(INVALID_GRANT)
        self.defer(
            [("tests.refresh", {"tenant": self.tenant_of(connection), "connection": connection})]
        )
        ended = "select count(*) from connections_disconnection where connection_id::text = %s"
        assert wait_until(
            lambda: self.demo.rows(ended, (connection,)) == [(1,)], _PATIENCE, step=0.1
        ), self.demo.last_words()
        self.note("refresh: invalid_grant, which ends the connection")

    def fail_to_pull(self) -> None:
        """Have the Selling Partner API and the documents fail while the worker pulls."""
        amazon = _amazon(self.demo)
        amazon.expect(*spapi_failure_modes("^/spapi/"), *spapi_failure_modes("^/documents/"))

    def pulled(self) -> None:
        """Wait until everything that was to fail has failed.

        The streams' own waiting times, up to an hour, are not tested here.
        """
        amazon = _amazon(self.demo)

        def requested() -> bool:
            self.demo.rows(
                "update ingest_stream set due_at = now(), failures_in_row = 0 where lease_id is"
                " null returning 1"
            )
            return not amazon.waiting()

        assert wait_until(requested, _PATIENCE, step=0.5), (
            f"never requested: {amazon.waiting()}\n{self.demo.last_words()}"
        )
        self.done += amazon.traffic.failed

    def defer(self, jobs: list[tuple[str, dict[str, str]]]) -> None:
        done = self.python("tests.secret_leaks.enqueue_jobs", json.dumps(jobs), role="worker")
        assert done.returncode == 0, done.stderr

    def jobs_done(self) -> None:
        left = (
            "select count(*) from procrastinate_jobs where task_name like 'tests.%%' and status in"
            " ('todo', 'doing')"
        )
        assert wait_until(lambda: self.demo.rows(left) == [(0,)], _PATIENCE, step=0.2), (
            self.demo.last_words()
        )

    def python(
        self, module: str, *arguments: str, role: str = "worker"
    ) -> subprocess.CompletedProcess[str]:
        """Run a module beside the demo, and keep what it prints."""
        environ = {**self.demo.environ, "THESELLER_ROLE": role}
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, env=environ, capture_output=True,
            text=True, check=False
        )  # fmt: skip
        self.printed.append(
            (
                f"printed by {module} {' '.join(arguments)[:60]}",
                (done.stdout + done.stderr).encode(),
            )
        )
        return done

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `theseller ARGUMENTS`, and keep what it prints."""
        done = self.demo.theseller(*arguments)
        self.printed.append(
            (
                f"printed by theseller {' '.join(arguments)[:60]}",
                (done.stdout + done.stderr).encode(),
            )
        )
        return done

    def fail_inside(self) -> None:
        """Raise with a secret in views, jobs and commands, in every way that `failures` knows."""
        anonymous = self.browser("anonymous", signed_in=False)
        for how in FAILURES:
            anonymous.post_bare(f"/tests/fail/{how}/", {"remark": self.words["view"]})
        self.defer([("tests.fail", {"how": how}) for how in FAILURES])
        self.python("tests.secret_leaks.failing_command", "argument", "chained", "sql_check")
        self.jobs_done()
        self.done += [f"{where}: {how}" for how in FAILURES for where in ("view", "job")]
        self.note("command: argument, chained, sql_check, with and without --debug")

    def fail_to_sign_in(self) -> None:
        """Wrong passwords, a right one without the form's token, one too long, one in the wrong field."""
        self.unlimited()
        person = self.browser("alice", signed_in=False)
        person.try_to_sign_in(self.words["wrong password"])
        person.post_bare(
            "/sign-in/", {"email": "alice@example.com", "password": self.demo.password}
        )
        person.post("/sign-in/", {"email": "no address", "password": self.words["wrong password"]})
        person.get("/sign-in/", next=f"https://elsewhere.example/?p={self.words['wrong password']}")
        self.note("sign-in: wrong password, no token, wrong address")

    def import_files(self, person: HttpSession) -> None:
        text = report(ALICE, ReportType.ALL_ORDERS_BY_ORDER_DATE)
        for content in (text, text[: len(text) // 2], "\x00\x01" + text, text.replace("\t", ";")):
            for confirm in ({}, {"confirm": "1"}):
                self.unlimited()
                person.post(
                    "/imports/", dict(confirm), files={"files": ("report.txt", content.encode())}
                )
        self.note("import: whole, cut, binary, wrong separator")

    def rotate_all(self) -> None:
        """Replace every secret that the machine can."""
        done = self.command("rotate", "--all")
        assert done.returncode == 0, done.stdout + done.stderr
        self.note(
            "rotate --all: "
            + ", ".join(
                sorted({line.partition(":")[0] for line in done.stdout.splitlines() if ":" in line})
            )
        )

    def rotate_client_secret(self) -> None:
        """Replace the client secret by hand, then by one that Amazon refuses."""
        fresh = str(self.demo.ask_emulator("POST", "rotate_secret")["client_secret"])
        given = self.demo.words.parent / "client-secret"
        given.write_text(fresh)
        given.chmod(0o600)
        done = self.command("rotate", "lwa-client-secret", "--new-from-file", str(given))
        assert done.returncode == 0, done.stdout + done.stderr
        given.write_text(self.words["refused client secret"])
        refused = self.command("rotate", "lwa-client-secret", "--new-from-file", str(given))
        assert refused.returncode in {0, 1}
        self.note("rotate lwa-client-secret, and to a client secret that Amazon refuses")

    def disconnect(self, person: HttpSession, connection: str) -> None:
        self.unlimited()
        path = f"/connections/{connection}/disconnection/"
        person.step_up_if_required(path, password=self.demo.password)
        assert person.post(path, {"confirm": "no"}).status_code == 422
        answer = person.post(path, {"confirm": "DISCONNECT"})
        assert answer.headers["location"].endswith("/erasure/"), answer.status_code
        certified = "select count(*) from erasure_certificate where subject_id::text = %s"
        assert wait_until(
            lambda: self.demo.rows(certified, (connection,)) == [(1,)], _PATIENCE, step=0.2
        ), self.demo.last_words()
        for page in (
            f"/connections/{connection}/erasure/",
            "/connections/",
            "/",
            "/security/",
            f"/connections/{connection}/certificate.json",
        ):
            person.get(page)
        self.note("disconnect, erase, certify")

    def kill_in_the_middle(self, *, number: signal.Signals) -> None:
        """End a backend, the web's processes and the worker by a signal, each while it has a secret.

        The web's processes come after the database has recovered: where one of them cannot reach
        the database at its start, gunicorn ends all of them.
        """
        self._kill_backend(number)
        assert wait_until(self._healthy, _PATIENCE, step=0.2), self.demo.last_words()
        with contextlib.ExitStack() as stack:
            thread = threading.Thread(target=self._hold)
            thread.start()
            stack.callback(thread.join)
            time.sleep(0.5)
            for pid in descendants(self.demo.process("web").pid)[1:]:
                os.kill(pid, number)
        os.kill(self.demo.process("worker").pid, number)
        self.note(f"{number.name} to web, worker and PostgreSQL")
        assert wait_until(self._healthy, _PATIENCE, step=0.2), self.demo.last_words()

    def _hold(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            HttpSession("anonymous", self.demo.web, self.answers).post_bare(
                "/tests/hold/", {"remark": self.words["view"]}
            )

    def _kill_backend(self, number: signal.Signals) -> None:
        """Kill a backend with a secret in its statement.

        PostgreSQL logs what it was doing, ends all others, and recovers.
        """
        code = (
            'import psycopg, sys; psycopg.connect(sys.argv[1]).execute("select pg_sleep(60),'
            f" '{self.words['statement']}'\")"
        )
        dsn = conninfo(self.demo.state, SUPERUSER, self.demo.secret("db-superuser"), "theseller")
        child = subprocess.Popen([sys.executable, "-c", code, dsn], stderr=subprocess.DEVNULL)
        try:
            find = (
                "select pid from pg_stat_activity where query like 'select pg_sleep(60)%%' and pid"
                " <> pg_backend_pid()"
            )
            assert wait_until(lambda: bool(self.demo.rows(find)), 60, step=0.1)
            os.kill(int(self.demo.rows(find)[0][0]), number)
            child.wait(30)
        finally:
            child.kill()
            child.wait()

    def _healthy(self) -> bool:
        try:
            self.demo.rows("select 1")
            self.demo.process("worker")
            return (
                httpx.get(f"{self.demo.web}/sign-in/", trust_env=False, timeout=10).status_code
                == 200
            )
        except Exception:  # noqa: BLE001
            return False


def _amazon(demo: InstrumentedDemo) -> RecordingAmazon:
    assert demo.amazon is not None
    return demo.amazon


def _raw(demo: InstrumentedDemo, text: str) -> None:
    """Send bytes that no browser would."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", demo.web_port), timeout=5) as connection,
    ):
        connection.sendall(text.encode())
        connection.recv(4096)
