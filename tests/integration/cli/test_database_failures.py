"""What each command says when the database can't be used: true, and what to do.

A real server. The package's is built without TLS, so that TLS with a certificate of our own is
ended before it, as PostgreSQL does it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from tests import preloaded
from tests.demo_deployment import free_ports
from tests.postgres_over_tls import TlsFront
from tests.tls_certificates import write_certificate

from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_account import server_account
from theseller.postgres.os_processes import stop_with_parent, wait_until

pytestmark = pytest.mark.timeout(300)
_PATIENCE = 60.0
_ADMINS = "the-administrators-own"


@dataclass(slots=True)
class Site:
    """A PostgreSQL with TLS for `localhost`, our roles in it, and a state folder with their passwords."""

    root: Path
    port: int
    plain: int
    environ: dict[str, str] = field(default_factory=dict)

    def execute(self, *statements: str) -> None:
        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={self.root / 'run'}&port={self.plain}",
            autocommit=True,
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def url(
        self,
        user: str = "",
        *,
        host: str = "localhost",
        port: int = 0,
        database: str = "theseller",
        ca: str = "ours.pem",
    ) -> str:
        return (
            f"postgresql://{user}{host}:{port or self.port}/{database}"
            f"?sslmode=verify-full&sslrootcert={self.root / ca}"
        )

    def run(self, command: str, **address: str | int) -> tuple[int, str]:
        """Run a command with an address of the database; return its exit status and what it said."""
        variables = {
            "DATABASE_URL": self.url(**address),  # type: ignore[arg-type]
            "THESELLER_ADMIN_URL": self.url("postgres@", **address),  # type: ignore[arg-type]
        }
        arguments = {
            "doctor": ["doctor", "--json"],
            "serve": ["serve", "--port", str(free_ports(1)[0])],
        }.get(command, [command])
        done = preloaded.run(
            ["-m", "theseller.cli.main", *arguments],
            environ=self.environ | {"PGPASSWORD": _ADMINS} | variables,
        )
        if command == "doctor":
            (found,) = [one for one in json.loads(done.stdout) if one["what"] == "database"]
            return done.returncode, f"{found['found']}\n{found['advice']}"
        return done.returncode, done.stderr


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    root, (port,) = Path(tempfile.mkdtemp(prefix="ts-tls-")), free_ports(1)
    root.chmod(0o755)
    binaries = find_binaries(os.environ)
    account = server_account(root / "data", lambda _sentence: None)
    options = account.popen_options()
    for folder in (root / "data", root / "run"):
        folder.mkdir(mode=0o755)
        os.chown(folder, account.uid, account.gid)
    initialise: list[str | Path] = [
        binaries.bin_dir / "initdb",
        "-D",
        root / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
    ]
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, cwd="/", **options)
    for name in ("ours", "others"):
        write_certificate(root / f"{name}.pem", root / f"{name}.key", "localhost")
    (root / "data" / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "fsync": "off"}
    with (root / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [binaries.bin_dir / "postgres", "-D", root / "data", "-k", root / "run",
                *(f"--{name}={value}" for name, value in settings.items())],
            # one prctl call, loaded before the fork
            cwd="/", stderr=log, **options,
            preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )  # fmt: skip
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(root / "ours.pem", root / "ours.key")
    front = TlsFront(port, tls)
    made = Site(root, front.port, port)

    def up() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            made.execute("select 1")
            return True
        return False

    try:
        assert wait_until(up, _PATIENCE), (root / "server.log").read_text()
        _prepare(made)
        yield made
    finally:
        front.close()
        server.send_signal(signal.SIGQUIT)
        server.wait(_PATIENCE)
        shutil.rmtree(root, ignore_errors=True)


def _prepare(made: Site) -> None:
    made.environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("THESELLER_", "PG", "DJANGO_", "DATABASE_URL"))
    }
    made.environ |= {"THESELLER_STATE": str(made.root / "state")}
    made.execute(f"alter role postgres password '{_ADMINS}'")
    behind = f"?host={made.root / 'run'}&port={made.plain}"
    local = {
        "DATABASE_URL": f"postgresql:///theseller{behind}",
        "THESELLER_ADMIN_URL": f"postgresql://postgres@/{behind}",
    }
    done = preloaded.run(["-m", "theseller.cli.main", "migrate"], environ=made.environ | local)
    assert done.returncode == 0, done.stderr


#: An address, or what is changed for it and back; what is said of it; and what it advises.
_ADDRESSES: dict[str, tuple[dict[str, str | int], str, str]] = {
    "wrong CA": (
        {"ca": "others.pem"},
        "was not signed by an authority that is trusted here",
        "sslrootcert=FILE",
    ),
    "no CA file": ({"ca": "nowhere.pem"}, "nowhere.pem, does not exist", "sslrootcert=FILE"),
    "other host name": (
        {"host": "127.0.0.1"},
        "certificate is for localhost, and the URL names 127.0.0.1",
        "Use the name",
    ),
    "host unknown": (
        {"host": "database.invalid"},
        "The host name of the database is not known here.",
        "Check DATABASE_URL",
    ),
    "nothing listens": ({"port": 9}, "Nothing accepts connections at ", "Start the database"),
    "no database": (
        {"database": "nowhere"},
        "There is no database named nowhere.",
        "Check DATABASE_URL",
    ),
}
_COMMANDS = ("serve", "worker", "doctor", "migrate")
#: Each case once, and each command once; the others in the exhaustive set.
_LEAN = {
    ("wrong CA", "serve"), ("no CA file", "worker"), ("other host name", "doctor"),
    ("host unknown", "migrate"), ("nothing listens", "serve"), ("no database", "worker"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "command"),
    [
        pytest.param(
            case, command, marks=[] if (case, command) in _LEAN else pytest.mark.exhaustive
        )
        for case in _ADDRESSES
        for command in _COMMANDS
        # `migrate` makes a database that does not exist.
        if (case, command) != ("no database", "migrate")
    ],
)
def test_unusable_database_address_is_reported_with_advice(
    site: Site, case: str, command: str
) -> None:
    address, says, advises = _ADDRESSES[case]
    _must_say(site.run(command, **address), says, advises)


@pytest.mark.parametrize(
    "command",
    ["serve", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in _COMMANDS[1:])],
)
def test_database_server_without_tls_is_refused_with_a_message(site: Site, command: str) -> None:
    _must_say(
        site.run(command, port=site.plain),
        "The database server does not offer TLS.",
        "no password in the clear",
    )


@pytest.mark.parametrize(
    "command",
    [
        "doctor",
        *(
            pytest.param(one, marks=pytest.mark.exhaustive)
            for one in ("serve", "worker", "migrate")
        ),
    ],
)
def test_wrong_database_password_is_reported_with_advice(site: Site, command: str) -> None:
    role = {"serve": "theseller_web", "migrate": "postgres"}.get(command, "theseller_worker")
    right = (
        _ADMINS
        if command == "migrate"
        else (site.root / "state" / "secrets" / role.replace("theseller_", "db-"))
        .read_text()
        .strip()
    )
    site.execute(f"alter role {role} password 'another'")
    try:
        _must_say(
            site.run(command),
            f"The database refuses the password of {role}.",
            "~/.pgpass" if command == "migrate" else "`theseller migrate`",
        )
    finally:
        site.execute(f"alter role {role} password '{right}'")


def _must_say(answer: tuple[int, str], says: str, advises: str) -> None:
    status, said = answer
    assert status == 1, said
    assert says in said, said
    assert advises in said, said
    assert "Traceback" not in said
    assert "failed unexpectedly" not in said
