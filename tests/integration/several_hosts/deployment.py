"""A deployment of two web and two worker hosts that share no disk."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg
from tests.demo_deployment import ROOT, free_ports, inherited_environ
from tests.integration.crypto.services import Bao, run_documented
from tests.integration.several_hosts.network import AMAZON, DATABASE, KEYS, SITE, Host, hosts
from tests.postgres_over_tls import TlsFront
from tests.tls_certificates import write_certificate

from theseller.cli.demo_amazon_application import APPLICATION_ID, CLIENT_ID, write_application
from theseller.cli.demo_nginx_configuration import EdgeSettings, write_edge
from theseller.crypto.secret_and_key_config import make_secret_provider, parse_secret_config
from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_account import server_account
from theseller.postgres.os_processes import stop_with_parent, wait_until

WEBS, WORKERS = ("web1", "web2"), ("worker1", "worker2")
_PATIENCE = 240.0
_ADMIN = "password-of-the-administrator"


@dataclass(slots=True)
class Visitor:
    """A browser without a screen: keeps cookies and sends forms. `client` is its address."""

    site: Site
    client: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, form: Sequence[tuple[str, str]] | None = None) -> tuple[int, str, str]:
        """Return the status, where it leads, and the text."""
        headers = {
            "Host": SITE, "Origin": f"https://{SITE}", "Connection": "close",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }  # fmt: skip
        body = None
        if form is not None:
            token = self.cookies.get("form token", "")
            body = urlencode([*form, ("csrfmiddlewaretoken", token)])
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Referer"] = f"https://{SITE}/"
        connection = http.client.HTTPConnection(SITE)
        connection.sock = self.site.connect(self.client)
        with contextlib.closing(connection):
            connection.request("GET" if form is None else "POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := re.search('name="csrfmiddlewaretoken" value="([^"]+)"', text):
            self.cookies["form token"] = found.group(1)
        return answer.status, answer.headers.get("Location", ""), text

    def sign_in(self, email: str, password: str) -> int:
        """Sign in with a fresh session; return the status."""
        self.cookies.clear()
        self.ask("/sign-in/")
        return self.ask("/sign-in/", [("email", email), ("password", password)])[0]

    def connect(self, store: str, seller: str) -> None:
        """Connect a seller account of the emulated Amazon."""
        self.ask("/connections/new/")
        choice = [("features", "sales"), ("features", "finances"), ("marketplace", store)]
        status, consent, text = self.ask("/connections/attempts/", choice)
        assert status in {302, 303}, text
        requested = urlsplit(consent)
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.site.amazon, timeout=60)
        ) as amazon:
            form = f"{requested.query}&{urlencode({'account': seller, 'decision': 'confirm'})}"
            amazon.request(
                "POST", requested.path, form, {"Content-Type": "application/x-www-form-urlencoded"}
            )
            answer = amazon.getresponse()
            answer.read()
            back = urlsplit(str(answer.getheader("Location")))
        assert back.path == "/connections/callback/", (answer.status, back)
        assert self.ask(f"{back.path}?{back.query}")[1] == "/connections/"


@dataclass(slots=True)
class Site:
    """The deployment: hosts by name, the ports of what they share, the demo's people."""

    root: Path
    hosts: dict[str, Host]
    admin: str
    amazon: int
    tls: int
    people: dict[str, str]
    nginx: subprocess.Popen[bytes] | None = None

    def connect(self, client: str) -> ssl.SSLSocket:
        """Connect to the edge over TLS from an address of the loopback network."""
        trusted = ssl.create_default_context(cafile=str(self.root / "edge" / "fullchain.pem"))
        raw = socket.create_connection(
            ("127.0.0.1", self.tls), timeout=120, source_address=(client, 0)
        )
        return trusted.wrap_socket(raw, server_hostname=SITE)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask as the administrator."""
        with psycopg.connect(self.admin, dbname="theseller", autocommit=True) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def slow_amazon(self) -> None:
        """Delay each answer of Amazon's."""
        self._amazon("POST", "/_emulator/faults", {"operation": "*", "kind": "slow"})

    def _amazon(self, method: str, path: str, content: Mapping[str, str]) -> None:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.amazon, timeout=60)
        ) as amazon:
            amazon.request(method, path, json.dumps(content))
            assert amazon.getresponse().status < 300

    def wait(self, what: str, holds: Callable[[], bool], *, patience: float = _PATIENCE) -> None:
        """Wait until something holds; fail with what the hosts wrote last."""
        assert wait_until(holds, patience, step=0.3), f"waited in vain: {what}\n{self.last_words()}"

    def last_words(self) -> str:
        return "\n".join(
            f"--- {host.name}\n{host.log.read_text(errors='replace')[-2500:]}"
            for host in self.hosts.values()
            if host.log.exists()
        )

    def ready(self, web: str) -> bool:
        """Say whether a web host answers that it can serve."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(self.hosts[web].outside.own, 8100, timeout=20)
            with contextlib.closing(connection):
                connection.request("GET", "/readyz?without=worker")
                return connection.getresponse().status == 200
        return False

    def take_out(self, web: str, *, out: bool = True) -> None:
        """Have the edge send a web host no more requests, or again, and wait for its reload."""
        assert self.nginx is not None
        path, own = self.root / "edge" / "theseller.conf", self.hosts[web].outside.own
        text = path.read_text().replace(f"server {own}:8100 down", f"server {own}:8100")
        if out:
            text = text.replace(f"server {own}:8100", f"server {own}:8100 down")
        path.write_text(text)
        before = _children(self.nginx.pid)
        self.nginx.send_signal(signal.SIGHUP)
        # Workers of the configuration before end when their requests are answered.
        self.wait("nginx has reloaded", lambda: not before & _children(self.nginx.pid))  # type: ignore[union-attr]

    def serve(self, web: str) -> None:
        """Start a web host's process."""
        host = self.hosts[web]
        host.start("serve", "--host", host.outside.own, "--port", "8100", "--workers", "1")


@contextlib.contextmanager
def site(*, rate_scale: str = "2000") -> Iterator[Site]:
    """Set everything up; web and workers do not run yet, the edge does."""
    root = Path(tempfile.mkdtemp(prefix="ts-hosts-"))
    root.chmod(0o755)
    postgres, behind, amazon, plain, tls = free_ports(5)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        admin = stack.enter_context(database_over_tls(root, postgres, behind))
        keys = _key_service(stack, root)
        environ = _environ(root, keys, postgres, amazon)
        made = stack.enter_context(hosts(root, environ, *WEBS, *WORKERS))
        proxies = ",".join(made[web].outside.public for web in WEBS)
        for host in made.values():
            host.environ = {**host.environ, "THESELLER_TRUSTED_PROXIES": proxies}
        people = _prepare(root, made["worker1"], admin)
        _start_amazon(stack, root, made["worker1"], amazon, rate_scale)
        found = Site(root, made, admin, amazon, tls, people)
        _start_edge(stack, found, plain)
        yield found


@contextlib.contextmanager
def database_over_tls(root: Path, port: int, behind: int) -> Iterator[str]:
    """Run PostgreSQL, over TLS at every address of this machine; yield the administrator's DSN."""
    folder = root / "postgres"
    folder.mkdir(mode=0o755)
    binaries, account = find_binaries(os.environ), server_account(folder, lambda _said: None)
    password, certificate, key = folder / "password", root / "database-ca.pem", root / "db.key"
    password.write_text(_ADMIN)
    write_certificate(certificate, key, DATABASE, "localhost")
    for path in (folder, password):
        os.chown(path, account.uid, account.gid)
    options = account.popen_options()
    subprocess.run(
        [binaries.bin_dir / "initdb", "-D", folder / "data", "-U", "postgres", "-A",
            "scram-sha-256", f"--pwfile={password}", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **options,
    )  # fmt: skip
    log = (root / "postgres.log").open("wb")
    server = subprocess.Popen(
        [binaries.bin_dir / "postgres", "-D", folder / "data", "-k", folder, "-p", str(behind),
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=300"],
        cwd="/", stderr=log, **options,
        preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    # The wheel's PostgreSQL is built without TLS: the test ends it, as PostgreSQL does.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    front = TlsFront(behind, tls, listen="0.0.0.0", port=port)  # noqa: S104 - the hosts reach it
    admin = f"postgresql://postgres:{_ADMIN}@/postgres?host={folder}&port={behind}"

    def up() -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(admin):
            return True
        return False

    try:
        assert wait_until(up, _PATIENCE)
        yield admin
    finally:
        front.close()
        server.send_signal(signal.SIGQUIT)
        server.wait(60)
        log.close()


def _key_service(stack: contextlib.ExitStack, root: Path) -> dict[str, str]:
    folder, newcomer = root / "bao", root / "access"
    folder.mkdir()
    newcomer.mkdir()
    bao = Bao(folder, listen="0.0.0.0", names=(KEYS,))  # noqa: S104 - the hosts reach it
    stack.callback(bao.stop)
    run_documented("vault-prepare", {**bao.environ, "THESELLER_ENV": "test"}, newcomer)
    return {
        "THESELLER_SECRET_PROVIDER": "vault",
        "THESELLER_VAULT_ADDRESS": f"https://{KEYS}:{bao.port}",
        "THESELLER_VAULT_CA_FILE": str(bao.certificate),
        "THESELLER_VAULT_ROLE_ID": (newcomer / "vault-role-id").read_text().strip(),
        "THESELLER_VAULT_SECRET_ID_FILE": str(newcomer / "vault-secret-id"),
        "THESELLER_SECRETS_TIMEOUT_SECONDS": "30",
    }


def _environ(root: Path, keys: Mapping[str, str], postgres: int, amazon: int) -> dict[str, str]:
    return inherited_environ() | dict(keys) | {
        "THESELLER_ENV": "test",
        "DATABASE_URL": (
            f"postgresql://{DATABASE}:{postgres}/theseller?sslmode=verify-full"
            f"&sslrootcert={root / 'database-ca.pem'}"
        ),
        "THESELLER_AMAZON": f"emulator:http://{AMAZON}:{amazon}",
        "THESELLER_LWA_CLIENT_ID": CLIENT_ID,
        "THESELLER_APPLICATION_ID": APPLICATION_ID,
        "THESELLER_PUBLIC_URL": f"https://{SITE}",
        "DJANGO_SETTINGS_MODULE": "theseller.config.settings",
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


def _prepare(root: Path, host: Host, admin: str) -> dict[str, str]:
    """Make the database from one host, and people; return passwords by e-mail."""
    host.state.mkdir()
    host.environ = {**host.environ, "THESELLER_ADMIN_URL": admin}
    for command in ("secrets fill", "migrate"):
        done = host.theseller(*command.split())
        assert done.returncode == 0, done.stdout + done.stderr
    host.environ = {name: v for name, v in host.environ.items() if name != "THESELLER_ADMIN_URL"}
    done = host.theseller("demo-accounts", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return {one["email"]: one["password"] for one in json.loads(done.stdout)}


def _start_amazon(
    stack: contextlib.ExitStack, root: Path, host: Host, port: int, rate_scale: str
) -> None:
    folder = root / "amazon"
    folder.mkdir()
    # By the address that this machine has of the key service.
    environ = dict(host.environ)
    environ["THESELLER_VAULT_ADDRESS"] = environ["THESELLER_VAULT_ADDRESS"].replace(
        KEYS, "127.0.0.1"
    )
    secrets = make_secret_provider(
        parse_secret_config(environ, environment="test", state=host.state, guarded=False), environ
    )
    application = write_application(folder, f"https://{SITE}", secrets)
    process = subprocess.Popen(
        [sys.executable, "-m", "theseller.emulator", "serve", "--host", "0.0.0.0", "--port",  # noqa: S104
            str(port), "--state", str(folder / "state"), "--application", str(application),
            "--rate-scale", rate_scale],
        cwd=ROOT, env=inherited_environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    stack.callback(_end, process)

    def up() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 20):
            return True
        return False

    assert wait_until(up, _PATIENCE)


def _start_edge(stack: contextlib.ExitStack, found: Site, plain: int) -> None:
    """Run the shipped nginx in front of both web hosts."""
    nginx = subprocess.run([ROOT / "bin" / "nginx"], capture_output=True, text=True, check=False)
    assert nginx.returncode == 0, nginx.stderr
    folder = found.root / "edge"
    folder.mkdir(mode=0o711)
    write_certificate(folder / "fullchain.pem", folder / "privkey.pem", SITE, days=90)
    servers = " ".join(
        f"server {found.hosts[web].outside.own}:8100 max_fails=1 fail_timeout=2s;" for web in WEBS
    )
    command = write_edge(
        EdgeSettings(
            folder, SITE, SITE, 1, plain, found.tls, main="worker_processes 1;",
            changes={
                "server 127.0.0.1:8100;": f"{servers} # for 127.0.0.1:8100",
            },
        ),
        nginx=nginx.stdout.strip(),
    )  # fmt: skip
    log = stack.enter_context((folder / "out.log").open("wb"))
    process = subprocess.Popen(
        command, stdout=log, stderr=log,
        preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    stack.callback(_end_orderly, process)
    found.nginx = process


def _children(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _end_orderly(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(60)
