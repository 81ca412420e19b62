"""Drives a canary through the real ways into and out of a deployment.

Imports by command and browser, pages, exports, errors of web and worker.

Everything is a process as the service runs it, with its log where the service has it. What a
seller's file can carry is put into each of its columns in turn, a file for each; what is refused is
a way, too: a refusal may be written down somewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from tests.cast import PASSWORD
from tests.demo_deployment import free_ports
from tests.integration.deployment import Deployment
from tests.secret_leaks.http_session import HttpSession, ResponseLog
from tests.unit.amazon.report_fixtures import builders

from theseller.accounts.mfa import totp
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.os_processes import stop_with_parent
from theseller.postgres.server_folders import conninfo

_PATIENCE = 60.0
#: What the web must fail at, and the worker: the database refuses rows that hold the canary, and
#: quotes it in its error.
_NOTHING = "nobody's"
_TRAPPED = ("ingest_order_line", "analytics_day_product")
_TRAP = """
create or replace function public.trap() returns trigger language plpgsql as $$ begin
    if md5(new.sku) = '{digest}' then
        raise internal_error using message = 'trapped ' || new.sku,
            detail = to_jsonb(new)::text, hint = new.sku;
    end if;
    return new;
end $$
"""


@dataclass
class Driven:
    """What came of it.

    `tables` are those in which the canary was found, with their columns; `answers` what people were
    shown.
    """

    connections: tuple[str, ...] = ()
    tables: dict[str, list[str]] = field(default_factory=dict)
    answers: list[tuple[str, int, int]] = field(default_factory=list)
    refused: int = 0
    imported: int = 0

    def shown(self, beginning: str) -> int:
        """Return how often answers at paths with this beginning held the canary."""
        return sum(times for path, _, times in self.answers if path.startswith(beginning))


def files_with(canary: str) -> dict[str, bytes]:
    """Return report files by name, each with the canary in one column or field.

    For each kind of report, one for each column or field that can hold text.
    """
    made: dict[str, bytes] = {}
    for number, column in enumerate(builders.ORDER_COLUMNS):
        cells = {
            "amazon_order_id": f"302-{number:07d}-7654321",
            "purchase_date": _day(number),
            "last_updated_date": _day(number),
        }
        text = builders.all_orders(builders.order(**(cells | {column.replace("-", "_"): canary})))
        made[f"orders-{number}.txt"] = text.replace(builders.CANARY, canary).encode()
    for number, column in enumerate(builders.SETTLEMENT_COLUMNS):
        text = builders.settlement(
            ("ItemPrice", "Principal", "10.00"), total="10.00", **{column.replace("-", "_"): canary}
        )
        settled = text.replace("\n1001\t", f"\n{7000 + number}\t").replace(builders.CANARY, canary)
        made[f"settlement-{number}.txt"] = settled.encode()
    for number, name in enumerate(("parentAsin", "childAsin", "sku", "title", "buyerName")):
        document = builders.traffic(f"2026-03-{number + 1:02d}")
        document["salesAndTrafficByAsin"][0][name] = canary
        document["reportSpecification"][name] = canary
        made[f"traffic-{number}.json"] = builders.as_json(document).replace(
            builders.CANARY.encode(), canary.encode()
        )
    made["nothing.txt"] = f"{canary}\t{canary}\n{canary}\n".encode()
    made["broken.json"] = f'{{"reportSpecification": "{canary}'.encode()
    return made


def _day(number: int) -> str:
    return f"2026-10-{number % 28 + 1:02d}T08:00:00+00:00"


@contextlib.contextmanager
def service(deployed: Deployment) -> Iterator[str]:
    """Run web and worker as the service does, each with its log in the state folder.

    Yield the web's address.
    """
    (port,) = free_ports(1)
    logs = deployed.state / "log"
    logs.mkdir(exist_ok=True)
    # Backups are this test's to take: one that the worker took meanwhile would be one more place to
    # name.
    environ = deployed.environ | {"THESELLER_BACKUPS": "none"}
    with contextlib.ExitStack() as stack:
        for name, arguments in {
            "web": ["serve", "--port", str(port), "--workers", "1"],
            "worker": ["worker"],
        }.items():
            log = stack.enter_context((logs / f"{name}.log").open("ab"))
            process = subprocess.Popen(
                [sys.executable, "-m", "theseller.cli.main", *arguments], env=environ, stdout=log,
                stderr=log,
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip
            stack.callback(_stop, process)
        address = f"http://127.0.0.1:{port}"
        _wait(lambda: _answers(address), f"the web did not start: {logs / 'web.log'}")
        yield address


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    answers = ResponseLog()
    with contextlib.closing(answers), contextlib.suppress(httpx.HTTPError):
        return HttpSession("anonymous", address, answers).get("/healthz").status_code == 200
    return False


def _wait(reached: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not reached():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


def drive(deployed: Deployment, tenant: str, person: str, canary: str, folder: Path) -> Driven:
    """Let the canary go every way that a person of the shop, the service and its operator can send it."""
    driven, made = Driven(), files_with(canary)
    # Whatever a process leaves behind there is the deployment's, and searched as such.
    (deployed.state / "tmp").mkdir(exist_ok=True)
    deployed.environ["TMPDIR"] = str(deployed.state / "tmp")
    _by_command(deployed, tenant, made, folder, driven)
    email = deployed.rows("select email from accounts_user where id = %s", person)[0][0]
    with (
        _traps(deployed) as arm,
        service(deployed) as address,
        contextlib.closing(ResponseLog()) as answers,
    ):
        alice = HttpSession(str(email).partition("@")[0], address, answers)
        alice.sign_in(PASSWORD)
        app = next(one["app"] for one in deployed.people() if one["tenant"] == tenant)
        answer = alice.post("/sign-in/", {"code": next_code(app)})
        assert answer.status_code == 302, "the second factor was refused"
        _by_browser(alice, made, canary)
        alice.step_up_if_required("/data/deletion/", code=next_code(app))
        _read_and_export(alice, canary)
        arm(canary)
        _into_the_traps(deployed, alice, tenant, canary)
        arm(_NOTHING)
        _wait(
            lambda: bool(
                deployed.rows("select 1 from analytics_day_product where sku = %s limit 1", canary)
            ),
            "the worker did not write the totals again",
        )
        driven.answers = [
            (place.split()[1], int(place.split()[-1]), _times(content, canary))
            for place, content in answers.plain
        ]
    driven.connections = tuple(
        str(row[0])
        for row in deployed.rows(
            "select id from connections_connection where tenant_id = %s order by 1", tenant
        )
    )
    driven.tables = _reached(deployed, tenant, canary)
    return driven


def next_code(app: str) -> str:
    """Return the code that the app will show next, which is accepted already.

    The current one may have been used when the app was set up.
    """
    return totp.code_of(Secret(app), totp.step_at(clock.now()) + 1)


def _times(content: bytes, canary: str) -> int:
    """Count the canary in an answer, and in the files of an answer that is a zip."""
    body = content.partition(b"\n\n")[2]
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return sum(archive.read(name).count(canary.encode()) for name in archive.namelist())
    return content.count(canary.encode())


def _by_command(
    deployed: Deployment, tenant: str, made: dict[str, bytes], folder: Path, driven: Driven
) -> None:
    for name, content in made.items():
        (folder / name).write_bytes(content)
    done = deployed.theseller(
        "import", *(str(folder / name) for name in made), "--shop", tenant, "--json"
    )
    result: dict[str, Any] = json.loads(done.stdout)
    statuses = [one["status"] for one in result["files"]]
    driven.imported, driven.refused = statuses.count("imported"), statuses.count("refused")


def _by_browser(alice: HttpSession, made: dict[str, bytes], canary: str) -> None:
    """Look at files and then store them, named by the canary as well."""
    for names in (list(made)[:10], list(made)[-10:]):
        for confirm in ({}, {"confirm": "1"}):
            files = [("files", (f"{canary}-{name}", made[name], "text/plain")) for name in names]
            answer = alice.post("/imports/", dict(confirm), files=files)
            assert answer.status_code in {200, 422}, answer.status_code


def _read_and_export(alice: HttpSession, canary: str) -> None:
    for path, parameters in (
        ("/", {}), ("/", {"format": "csv"}), ("/products/", {"q": canary, "period": "18months"}),
        ("/products/", {"format": "csv"}), ("/days/2026-10-05/", {"format": "csv"}),
        ("/", {"store": canary, "period": canary}), (f"/{canary}/", {}), (f"/days/{canary}/", {}),
        ("/products/", {"period": "custom", "from": "2026-10-01", "to": "2026-10-31",
            "format": "csv", "store": "DE"}),
        ("/days/2026-10-05/", {"format": "csv", "store": "DE"}), ("/imports/", {}), ("/data/", {}),
        ("/activity/", {}),
    ):  # fmt: skip
        alice.get(path, **parameters)
    alice.post("/data/export/", page="/data/")
    alice.post(
        "/connections/attempts/",
        {"marketplace": canary, "features": [canary]},
        page="/connections/new/",
    )
    alice.post("/sign-in/", {"email": f"{canary}@example.com", "password": canary})


@contextlib.contextmanager
def _traps(deployed: Deployment) -> Iterator[Callable[[str], None]]:
    """Create triggers for the block; yield what arms them with a canary.

    The database then fails at rows with it, and quotes them.

    They lie there while nothing runs, and are armed by another body of their function: that takes
    no lock on a table.
    """
    dsn = conninfo(deployed.state, "theseller_super", deployed.secret("db-superuser"))

    def arm(canary: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as database:
            # By its digest: a function's text lies on the disk, too.
            database.execute(
                _TRAP.format(
                    digest=hashlib.md5(canary.encode(), usedforsecurity=False).hexdigest()
                ).encode()
            )

    arm(_NOTHING)
    with psycopg.connect(dsn, autocommit=True) as database:
        for table in _TRAPPED:
            database.execute(
                f"create trigger trap before insert or update on {table} for each row execute"
                " function trap()".encode()
            )
    try:
        yield arm
    finally:
        with psycopg.connect(dsn, autocommit=True) as database:
            database.execute(b"drop function public.trap() cascade")


def _into_the_traps(deployed: Deployment, alice: HttpSession, tenant: str, canary: str) -> None:
    """Have the web fail at an import, a command at another, and the worker at the rollups.

    Each writes its log.
    """
    order = builders.order(
        amazon_order_id="302-7777777-7654999",
        sku=canary,
        purchase_date=_day(4),
        last_updated_date=_day(4),
    )
    text = builders.all_orders(order).encode()
    answer = alice.post(
        "/imports/", {"confirm": "1"}, files=[("files", ("trap.txt", text, "text/plain"))]
    )
    assert answer.status_code == 500, (
        answer.status_code,
        __import__("re").findall(r"<main.*</main>", answer.text, 16)[:1],
    )
    worker = deployed.state / "log" / "worker.log"
    before = worker.stat().st_size
    # Rows that are right are not written again.
    deployed.rows(
        "delete from analytics_day_product where tenant_id = %s and sku = %s returning 1",
        tenant, canary,
    )  # fmt: skip
    deployed.rows(
        "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at) select"
        " distinct tenant_id, marketplace_id, local_day,"
        " now() from ingest_order_line where tenant_id = %s and sku = %s on conflict do nothing"
        " returning 1",
        tenant, canary,
    )  # fmt: skip
    _wait(lambda: b'"error"' in worker.read_bytes()[before:], "the worker did not fail at the trap")


def _reached(deployed: Deployment, tenant: str, canary: str) -> dict[str, list[str]]:
    """Return the columns of the tenant's tables in which the canary is now."""
    found: dict[str, list[str]] = {}
    for table, column in deployed.rows(
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid join"
        " pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and not"
        " c.relispartition and n.nspname = 'public' and a.attnum > 0 and not a.attisdropped and"
        " exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant_id')"
    ):
        if deployed.rows(
            f"select 1 from {table} where tenant_id = %s and {column}::text like %s limit 1",
            tenant,
            f"%{canary}%",
        ):
            found.setdefault(str(table), []).append(str(column))
    return found
