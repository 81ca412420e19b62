"""How long each process waits for an answer of the database."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.database import role_dsn

from theseller.config import job_worker
from theseller.config.database_settings import answer_seconds, external_settings
from theseller.config.environment import ProcessRole
from theseller.postgres.answering_connection import (
    LOST_PEER_OPTIONS,
    SILENT_SECONDS,
    NoAnswerError,
    allow_long_answers,
    answering_within,
    limit_answers_again,
    queue_connection,
)
from theseller.tenancy.tenant_scope import STATEMENT_LIMITS


def test_an_answer_may_take_longer_than_a_statement_of_the_role_may_run() -> None:
    served = set(ProcessRole) - {ProcessRole.MIGRATE, ProcessRole.PROBE}
    assert {f"theseller_{one.value}" for one in served} == set(STATEMENT_LIMITS)
    for one in served:
        limit = STATEMENT_LIMITS[f"theseller_{one.value}"].total_seconds()
        assert limit < answer_seconds(one) <= limit + 30


def test_a_connection_over_a_network_notices_that_its_peer_is_lost() -> None:
    remote = external_settings("postgresql://db.example/theseller?sslmode=verify-full")
    assert LOST_PEER_OPTIONS.items() <= remote["OPTIONS"].items()
    changed = external_settings(
        "postgresql://db.example/theseller?sslmode=verify-full&keepalives_idle=60"
    )
    assert changed["OPTIONS"]["keepalives_idle"] == "60"
    local = external_settings("postgresql:///theseller?host=/run/postgresql")
    assert not LOST_PEER_OPTIONS.keys() & local["OPTIONS"].keys()


def test_long_answers_are_allowed_until_the_connection_returns_to_its_pool(database: str) -> None:
    with answering_within(0.2).connect(role_dsn("web", database), autocommit=True) as connection:
        allow_long_answers(connection, 60)
        assert connection.execute("select pg_sleep(0.4)").fetchone() is not None
        limit_answers_again(connection)
        with pytest.raises(NoAnswerError, match="timeout expired"):
            connection.execute("select pg_sleep(30)")
        assert connection.closed


def test_the_queue_waits_for_little_after_an_answer_that_did_not_come(database: str) -> None:
    notified: list[float] = []
    run = queue_connection(lambda: notified.append(run.answer_seconds))
    later = queue_connection(lambda: None)

    async def ask(seconds: float) -> None:
        connection = await run.connect(role_dsn("web", database), autocommit=True)
        run.answer_seconds = seconds
        async with connection:
            await connection.execute("select pg_sleep(0.4)")
            with pytest.raises(NoAnswerError, match="timeout expired"):
                await connection.execute("select pg_sleep(60)")
        assert connection.closed

    asyncio.run(ask(SILENT_SECONDS + 0.5))
    assert notified == [SILENT_SECONDS]
    asyncio.run(ask(1.0))
    assert notified == [SILENT_SECONDS, 1.0], "a shorter limit became longer"
    assert later.answer_seconds > SILENT_SECONDS


def test_the_queue_reads_its_password_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    class Slow:
        def __str__(self) -> str:
            assert answers.wait(60), "the loop waits for the key service"
            return "password"

    monkeypatch.setattr(job_worker, "connector_params", lambda: {"password": Slow()})

    async def connect() -> dict[str, object]:
        reading = asyncio.create_task(job_worker._connection_parameters())
        await asyncio.sleep(0.01)
        answers.set()
        return await reading

    assert asyncio.run(connect()) == {"password": "password"}
