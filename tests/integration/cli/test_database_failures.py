"""What each command says when the database can't be used: true, and what to do. A real server with a certificate of our own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.world import ROOT, free_ports

from theseller.lib import clock
from theseller.postgres.account import server_account
from theseller.postgres.locator import find_binaries
from theseller.postgres.processes import die_with_parent, wait_until

pytestmark = pytest.mark.timeout(300)
_PATIENCE = 60.0
_ADMINS = "the-administrators-own"


@dataclass(slots=True)
class Site:
    """A PostgreSQL with TLS for `localhost`, our roles in it, and a state folder with their passwords."""

    root: Path
    port: int
    environ: dict[str, str] = field(default_factory=dict)

    def execute(self, *statements: str) -> None:
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self.root / 'run'}&port={self.port}", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def url(self, user: str = "", *, host: str = "localhost", port: int = 0, database: str = "theseller", ca: str = "ours.pem") -> str:
        return f"postgresql://{user}{host}:{port or self.port}/{database}?sslmode=verify-full&sslrootcert={self.root / ca}"

    def run(self, command: str, **address: str | int) -> tuple[int, str]:
        """Run a command with an address of the database; return its exit status and what it said."""
        told = {
            "DATABASE_URL": self.url(**address),  # type: ignore[arg-type]
            "THESELLER_ADMIN_URL": self.url("postgres@", **address),  # type: ignore[arg-type]
        }
        arguments = {"doctor": ["doctor", "--json"], "serve": ["serve", "--port", str(free_ports(1)[0])]}.get(command, [command])
        done = subprocess.run(
            [sys.executable, "-m", "theseller.cli.main", *arguments],
            cwd=ROOT, env=self.environ | {"PGPASSWORD": _ADMINS} | told, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if command == "doctor":
            (found,) = [one for one in json.loads(done.stdout) if one["what"] == "database"]
            return done.returncode, f"{found['found']}\n{found['advice']}"
        return done.returncode, done.stderr


def _certificate(folder: Path, name: str) -> None:
    """Write a certificate for `localhost` that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = clock.now()
    made = (
        x509.CertificateBuilder(issuer_name=subject, subject_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(private)


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
    initialise = [binaries.bin_dir / "initdb", "-D", root / "data", "-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, cwd="/", **options)
    for name in ("ours", "others"):
        _certificate(root, name)
    shutil.copy(root / "ours.pem", root / "data" / "server.crt")
    shutil.copy(root / "ours.key", root / "data" / "server.key")
    for file in ("server.crt", "server.key"):
        os.chown(root / "data" / file, account.uid, account.gid)
        (root / "data" / file).chmod(0o600)
    (root / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all localhost scram-sha-256\n")
    settings = {"listen_addresses": "localhost", "port": str(port), "ssl": "on", "fsync": "off"}
    server = subprocess.Popen(
        [binaries.bin_dir / "postgres", "-D", root / "data", "-k", root / "run", *(f"--{name}={value}" for name, value in settings.items())],
        cwd="/", stderr=subprocess.DEVNULL, preexec_fn=die_with_parent(signal.SIGKILL), **options,  # noqa: PLW1509  one prctl call, loaded before the fork
    )  # fmt: skip
    made = Site(root, port)

    def up() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            made.execute("select 1")
            return True
        return False

    try:
        assert wait_until(up, _PATIENCE)
        _prepare(made)
        yield made
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(_PATIENCE)
        shutil.rmtree(root, ignore_errors=True)


def _prepare(made: Site) -> None:
    made.environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("THESELLER_", "PG", "DJANGO_", "DATABASE_URL"))
    }
    made.environ |= {"THESELLER_STATE": str(made.root / "state")}
    made.execute(f"alter role postgres password '{_ADMINS}'")
    status, said = made.run("migrate")
    assert status == 0, said


#: An address, or what is changed for it and back; what is said of it; and what it advises.
_ADDRESSES: dict[str, tuple[dict[str, str | int], str, str]] = {
    "wrong CA": ({"ca": "others.pem"}, "was not signed by an authority that is trusted here", "sslrootcert=FILE"),
    "no CA file": ({"ca": "nowhere.pem"}, "nowhere.pem, does not exist", "sslrootcert=FILE"),
    "other host name": ({"host": "127.0.0.1"}, "certificate is for localhost, and the URL names 127.0.0.1", "Use the name"),
    "host unknown": ({"host": "database.invalid"}, "The host name of the database is not known here.", "Look at DATABASE_URL"),
    "nothing listens": ({"port": 9}, "Nothing accepts connections at localhost, port 9.", "Start the database"),
    "no database": ({"database": "nowhere"}, "There is no database named nowhere.", "Look at DATABASE_URL"),
}
_COMMANDS = ("serve", "worker", "doctor", "migrate")
#: Each case once, and each command once; the others in the exhaustive set.
_LEAN = {
    ("wrong CA", "serve"), ("no CA file", "worker"), ("other host name", "doctor"), ("host unknown", "migrate"), ("nothing listens", "serve"),
    ("no database", "worker"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "command"),
    [
        pytest.param(case, command, marks=[] if (case, command) in _LEAN else pytest.mark.exhaustive)
        for case in _ADDRESSES
        for command in _COMMANDS
        # `migrate` makes a database that does not exist.
        if (case, command) != ("no database", "migrate")
    ],
)
def test_an_address_that_cannot_be_used(site: Site, case: str, command: str) -> None:
    address, says, advises = _ADDRESSES[case]
    _must_say(site.run(command, **address), says, advises)


@pytest.mark.parametrize("command", ["serve", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in _COMMANDS[1:])])
def test_a_server_without_tls(site: Site, command: str) -> None:
    site.execute("alter system set ssl = off", "select pg_reload_conf()")
    try:
        assert wait_until(lambda: "does not offer TLS" in site.run(command)[1], _PATIENCE, step=0.2)
        _must_say(site.run(command), "The database server does not offer TLS.", "no password in the clear")
    finally:
        site.execute("alter system reset ssl", "select pg_reload_conf()")


@pytest.mark.parametrize(
    "command", ["doctor", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in ("serve", "worker", "migrate"))]
)
def test_a_wrong_password(site: Site, command: str) -> None:
    role = {"serve": "theseller_web", "migrate": "postgres"}.get(command, "theseller_worker")
    right = _ADMINS if command == "migrate" else (site.root / "state" / "secrets" / role.replace("theseller_", "db-")).read_text().strip()
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
