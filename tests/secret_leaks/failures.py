"""Ways in which code fails while it holds a secret.

Each is ordinary code that does not intend to disclose it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import warnings
from collections.abc import Callable

from django.db import connections as databases
from django.db import transaction

log = logging.getLogger("tests.secret_leaks")


class BrokenError(Exception):
    """An exception that is not of the product's modules."""


def argument(secret: str) -> None:
    local = [secret]
    raise BrokenError(f"could not use {secret}", local)


def key(secret: str) -> None:
    {"a": 1}[secret]


def number(secret: str) -> None:
    int(secret)


def chained(secret: str) -> None:
    try:
        number(secret)
    except ValueError as error:
        error.add_note(f"while reading {secret}")
        raise BrokenError(secret) from error


def group(secret: str) -> None:
    raise ExceptionGroup(secret, [ValueError(secret), BrokenError(secret)])


def logged(secret: str) -> None:
    """Log the exception in each of the usual ways, and go on."""
    try:
        argument(secret)
    except BrokenError as error:
        log.exception("it broke")
        log.error("it broke: %s", error)
        log.error("it broke", extra={"error": error})


def elsewhere(secret: str) -> None:
    """Fail in a thread, in an unawaited task and in a destructor, where no caller can catch it."""

    class Leaving:
        def __del__(self) -> None:
            raise BrokenError(secret)

    async def unawaited() -> None:
        task = asyncio.get_running_loop().create_task(_fail(secret))
        await asyncio.sleep(0)
        del task

    thread = threading.Thread(target=argument, args=(secret,))
    thread.start()
    thread.join()
    threading.Thread(target=asyncio.run, args=(unawaited(),)).start()
    Leaving()
    time.sleep(0.1)
    gc.collect()
    warnings.warn("this is old", DeprecationWarning, stacklevel=1)


async def _fail(secret: str) -> None:
    raise BrokenError(secret)


def _sql(statement: str, *parameters: str) -> None:
    with transaction.atomic(), databases["default"].cursor() as cursor:
        cursor.execute(statement, parameters or None)


def sql_type(secret: str) -> None:
    _sql("select %s::uuid", secret)


def sql_literal(secret: str) -> None:
    _sql(f"select '{secret}'::inet")


def sql_syntax(secret: str) -> None:
    _sql(f"selct '{secret}'")


def sql_check(secret: str) -> None:
    """Violate a check; PostgreSQL's DETAIL quotes the whole row."""
    _sql(
        "do $$ begin raise check_violation using message = 'x', detail = 'Failing row contains ("
        + secret
        + ").'; end $$"
    )


def sql_unique(secret: str) -> None:
    """Raise what a violated key raises; its DETAIL quotes the key."""
    _sql(
        "do $$ begin raise unique_violation using message = 'x', detail = 'Key (word)=("
        + secret
        + ") already exists.'; end $$"
    )


def sql_raise(secret: str) -> None:
    """Have the database itself say it: an error, and the warning and notice that go before it."""
    _sql(
        f"do $$ begin raise notice '{secret}'; raise warning '{secret}'; raise exception '{secret}'"
        f" using detail = '{secret}'; end $$"
    )


def sql_timeout(secret: str) -> None:
    _sql("set local statement_timeout = '50ms'; select pg_sleep(5), '" + secret + "'")


def sql_deadlock(secret: str) -> None:
    """Have two transactions wait for each other.

    PostgreSQL ends one of them, and its DETAIL quotes both statements.
    """
    meeting = threading.Barrier(2)

    def take(first: int, second: int) -> None:
        try:
            with transaction.atomic(), databases["default"].cursor() as cursor:
                cursor.execute(
                    "set local lock_timeout = 0; select pg_advisory_xact_lock(%s)", [first]
                )
                meeting.wait(60)
                cursor.execute("select pg_advisory_xact_lock(%s), %s", [second, secret])
        finally:
            databases["default"].close()

    threads = [threading.Thread(target=take, args=pair) for pair in ((471, 472), (472, 471))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _overwrite_statement()


def _overwrite_statement() -> None:
    """Use this thread's database once more, for PostgreSQL shows each session's last statement."""
    with databases["default"].cursor() as cursor:
        cursor.execute("select 1")


FAILURES: dict[str, Callable[[str], None]] = {
    one.__name__: one
    for one in (
        argument, key, number, chained, group, logged, elsewhere, sql_type, sql_literal, sql_syntax,
        sql_check, sql_unique, sql_raise, sql_timeout, sql_deadlock,
    )
}  # fmt: skip
