"""Reads and writes all the time, as the web or the worker does.

Counts what was done, and each error by its kind.

Run with the path of the counts' file, Django being ready; the role is the process's own
(THESELLER_ROLE). It ends by being killed.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg_pool
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.wsgi import get_wsgi_application
from django.db import connections as databases
from django.db import transaction
from procrastinate.contrib.django.utils import connector_params
from tests.integration.fill_deployment import TOKEN

from theseller.accounts.mfa import operations as mfa
from theseller.accounts.mfa import totp
from theseller.accounts.mfa import totp_secret_sealing as mfa_vault
from theseller.accounts.models import Authenticator, User
from theseller.accounts.session_store import SessionStore
from theseller.accounts.sessions import end_all_sessions
from theseller.amazon.errors import AuthorizationRevokedError
from theseller.amazon.lwa import LWAClient
from theseller.amazon.transport import new_http
from theseller.connections import refresh_token_store
from theseller.crypto.key_types import Purpose
from theseller.erasure.certificate_creation import signing_key
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.tenancy.models import Tenant
from theseller.tenancy.tenant_scope import tenant_scope

_PEOPLE = json.loads((settings.ENVIRONMENT.state / "people.json").read_text())
_application = get_wsgi_application()
_lwa = LWAClient(
    settings.AMAZON_ENDPOINTS,
    settings.ENVIRONMENT.lwa_client_id,
    settings.LWA_CLIENT_SECRETS,
    new_http(),
)


_COOKIES: list[str] = []
#: Between two operations of a thread, in seconds; make test-exhaustive makes none. Without one the
#: traffic takes the machine away from what it watches.
_PAUSE = float(os.environ.get("TRAFFIC_PAUSE", "0.15"))


class WrongAnswerError(Exception):
    """An answer that came, and was not the right one."""


def page(turn: int) -> None:
    """Open a page with the session's cookie, through every middleware."""
    said: list[str] = []
    cookie = f"{settings.SESSION_COOKIE_NAME}={_COOKIES[turn % len(_COOKIES)]}"
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/connections/", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8100", "HTTP_HOST": "127.0.0.1", "HTTP_COOKIE": cookie,
        "wsgi.url_scheme": "http", "REMOTE_ADDR": "127.0.0.1", "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
    }  # fmt: skip

    def start(
        status: str, _headers: object, _failure: object = None, /
    ) -> Callable[[bytes], object]:
        said.append(status)
        return lambda _content: None

    answer = _application(environ, start)
    b"".join(answer)
    answer.close()
    if not said or not said[0].startswith("200"):
        raise WrongAnswerError(f"page {said[0] if said else 'without status'}")


def session(turn: int) -> None:
    """Read a session and write it again."""
    kept = SessionStore(session_key=_COOKIES[turn % len(_COOKIES)])
    if not kept.get(SESSION_KEY):
        raise WrongAnswerError("session lost")
    kept["turn"] = turn
    kept.save()


def read(turn: int) -> None:
    with tenant_scope(UUID(_PEOPLE[turn % len(_PEOPLE)]["tenant"])):
        if Tenant.objects.count() != 1:
            raise WrongAnswerError("scope sees another number of shops")


def write(turn: int) -> None:
    one = _PEOPLE[turn % len(_PEOPLE)]
    with tenant_scope(UUID(one["tenant"])), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin,"
            " title, updated_at) values (%s, 'ATVPDKIKX0DER', %s, %s, 'B0BRUSH001', 'Brush', now())"
            " on conflict (tenant_id, marketplace_id, sku) do update set updated_at = now()",
            [
                one["tenant"],
                f"{settings.ENVIRONMENT.role}-{threading.get_ident() % 97}",
                one["connection"],
            ],
        )


def reconnect(turn: int) -> None:
    """Have the pool make all its connections again, then use one."""
    pool = databases["default"].pool  # type: ignore[attr-defined]
    if pool is not None:
        pool.drain()
    read(turn)
    time.sleep(0.05)


def unseal(turn: int) -> None:
    one = _PEOPLE[turn % len(_PEOPLE)]
    with tenant_scope(UUID(one["tenant"])):
        if refresh_token_store.open_token(UUID(one["tenant"]), UUID(one["connection"])) != Secret(
            TOKEN
        ):
            raise WrongAnswerError("token lost")


def app(turn: int) -> None:
    """Open a person's app and set up another, as the pages of second factors do."""
    one = _PEOPLE[turn % len(_PEOPLE)]
    with transaction.atomic():
        kept = Authenticator.objects.get(user_id=one["person"], confirmed_at__isnull=False)
        if mfa_vault.unsealed(kept.id, bytes(kept.sealed)) != Secret(one["app"]):
            raise WrongAnswerError("another app")
    secret = totp.new_secret()
    mfa.begin_authenticator(person=UUID(one["person"]), at=clock.now(), secret=secret)
    if mfa.pending_authenticator(person=UUID(one["person"]), at=clock.now()) != secret:
        raise WrongAnswerError("another secret")
    time.sleep(0.02)


def sign(_turn: int) -> None:
    if len(signing_key().sign(b"a certificate")) != 64:
        raise WrongAnswerError("no signature")
    time.sleep(0.02)


def key(_turn: int) -> None:
    """Make a data key, read it, destroy it."""
    made = settings.KEY_STORE.create(Purpose.PII, "traffic")
    if settings.KEY_STORE.get(made.id).material != made.material:
        raise WrongAnswerError("another key")
    settings.KEY_STORE.destroy(made.id)
    time.sleep(0.1)


def lwa(_turn: int) -> None:
    """Send a request to Amazon as the application.

    That no seller's token is sent must be all that Amazon objects to.
    """
    try:
        _lwa.refresh(Secret("Atzr|none"), clock.now())
    except AuthorizationRevokedError:
        time.sleep(0.05)
    else:
        raise WrongAnswerError("a token for nothing")


_WORK: dict[str, tuple[Callable[[int], None], ...]] = {
    "web": (page, page, session, read, write, reconnect, app),
    "worker": (unseal, unseal, read, write, reconnect, sign, key, lwa),
}


class Counts:
    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._kinds, self._errors = Counter[str](), Counter[str]()

    def done(self, kind: str) -> None:
        with self._lock:
            self._kinds[kind] += 1

    def failed(self, kind: str, error: Exception) -> None:
        with self._lock:
            self._errors[f"{kind}: {type(error).__name__}: {str(error)[:160]}"] += 1

    def write(self) -> None:
        with self._lock:
            content = json.dumps({"kinds": self._kinds, "errors": self._errors})
        fresh = self._path.with_suffix(".new")
        fresh.write_text(content)
        fresh.replace(self._path)


def work(counts: Counts, task: Callable[[int], None]) -> None:
    turn = 0
    while True:
        turn += 1
        try:
            task(turn)
        except Exception as error:  # noqa: BLE001
            counts.failed(task.__name__, error)
        else:
            counts.done(task.__name__)
        time.sleep(_PAUSE)


async def jobs(counts: Counts) -> None:
    """Connect again and again through a pool like Procrastinate's.

    The same parameters, the same asynchronous class.
    """
    async with psycopg_pool.AsyncConnectionPool(
        kwargs=connector_params(),
        min_size=1,
        max_size=2,
        check=psycopg_pool.AsyncConnectionPool.check_connection,
        open=False,
    ) as pool:
        while True:
            try:
                await pool.drain()
                async with pool.connection(timeout=10) as connection:
                    await connection.execute("select 1")
            except Exception as error:  # noqa: BLE001
                counts.failed("jobs", error)
            else:
                counts.done("jobs")
            await asyncio.sleep(0.1)


def sign_in(person: str) -> str:
    """Begin a browser session, as the sign-in page does after the password; return its cookie."""
    user = User.objects.get(id=person)
    kept = SessionStore()
    kept[SESSION_KEY] = str(user.pk)
    kept[BACKEND_SESSION_KEY] = "theseller.accounts.password_backend.PasswordBackend"
    kept[HASH_SESSION_KEY] = user.get_session_auth_hash()
    kept.save()
    return str(kept.session_key)


def main() -> None:
    counts = Counts(Path(sys.argv[1]))
    role = os.environ["THESELLER_ROLE"]
    if role == "web":
        # Those of an earlier traffic, which no process uses, would keep an old key alive for
        # twelve hours.
        end_all_sessions()
        _COOKIES.extend(sign_in(one["person"]) for one in _PEOPLE)
    for task in _WORK[role]:
        threading.Thread(target=work, args=(counts, task), daemon=True).start()
    if role == "worker":
        threading.Thread(target=lambda: asyncio.run(jobs(counts)), daemon=True).start()
    while True:
        time.sleep(0.1)
        counts.write()


if __name__ == "__main__":
    main()
