"""Every line leaves as JSON through the redactor, from any logger."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from theseller.lib.secret_type import REDACTED, Secret
from theseller.lib.structured_logging import QUIET_LOGGERS, configure_logging, getLogger

CORE = "Q7zK2mV9xR4tB8nL"
TOKEN = f"Atzr|{CORE}"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Configure logging into memory, and put the process back as it was."""
    root = logging.getLogger()
    before = (
        root.handlers[:],
        root.level,
        sys.excepthook,
        threading.excepthook,
        logging.raiseExceptions,
    )
    levels = {name: logging.getLogger(name).level for name in QUIET_LOGGERS}
    stream = io.StringIO()
    configure_logging("web", stream, logging.DEBUG)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.contextvars.clear_contextvars()
    root.handlers[:], level, sys.excepthook, threading.excepthook, logging.raiseExceptions = before
    root.setLevel(level)
    for name, quiet_level in levels.items():
        logging.getLogger(name).setLevel(quiet_level)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_log_line_has_time_level_process_logger_and_event(lines: io.StringIO) -> None:
    getLogger("theseller.ingest").info("report_read", rows=12)
    logging.getLogger("other").warning("read %d rows", 12)
    ours, theirs = read(lines)
    assert ours.pop("time").endswith("+00:00")
    assert ours == {
        "level": "info",
        "process": "web",
        "logger": "theseller.ingest",
        "event": "report_read",
        "rows": 12,
    }
    assert theirs["event"] == "read 12 rows"
    assert list(theirs) == ["time", "level", "process", "logger", "event"]


def test_line_breaks_in_a_log_event_are_escaped(lines: io.StringIO) -> None:
    getLogger("x").info('a\nb{"level": "critical"}', other="c\r\nd\u2028e\ud800")
    assert len(read(lines)) == 1


def test_secrets_in_log_arguments_are_redacted(lines: io.StringIO) -> None:
    getLogger("x").info("one %s two %d", TOKEN, 2)
    getLogger("x").info("password %(password)s", {"password": CORE})
    logging.getLogger("x").info("one %s two %d", TOKEN, 2)
    logging.getLogger("x").info("password %(password)s", {"password": CORE})
    logging.getLogger("x").info("code=%s", CORE)
    logging.getLogger("x").info("%s %r", Secret(CORE), Secret(CORE))
    assert CORE not in lines.getvalue()
    assert [line["event"] for line in read(lines)] == [
        f"one {REDACTED} two 2",
        f"password {REDACTED}",
        f"one {REDACTED} two 2",
        f"password {REDACTED}",
        f"code={REDACTED}",
        f"{REDACTED} '{REDACTED}'",
    ]


def test_log_call_with_wrong_arguments_neither_raises_nor_reveals_secrets(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    getLogger("x").info("one %s two %d", TOKEN, "x")
    logging.getLogger("x").info("one %d %d", TOKEN)  # noqa: PLE1206
    ours, theirs = read(lines)
    assert ours["arguments"] == [REDACTED, "x"]
    assert (theirs["event"], theirs["error"]) == ("log_call_failed", "TypeError")
    captured = capsys.readouterr()
    assert CORE not in lines.getvalue() + captured.err + captured.out


def test_a_stream_that_fails_leaks_nothing_elsewhere(
    capsys: pytest.CaptureFixture[str], lines: io.StringIO
) -> None:
    class Full(io.StringIO):
        @override
        def write(self, _text: str, /) -> int:
            raise OSError(28, "No space left on device")

    configure_logging("web", Full())
    logging.getLogger("x").error("lost %s", TOKEN)
    assert capsys.readouterr().err == ""


def test_tracebacks_have_no_locals_and_no_secrets(lines: io.StringIO) -> None:
    def fail(plain: str) -> None:
        local = plain + "-in-a-local"
        raise KeyError(f"refused {TOKEN} for {len(local)}")

    for log in (getLogger("x"), logging.getLogger("x")):
        try:
            try:
                fail(CORE)
            except KeyError as error:
                raise RuntimeError(f"https://x.example/?code={CORE}") from error
        except RuntimeError:
            log.exception("failed")
    assert CORE not in lines.getvalue()
    for line in read(lines):
        assert "KeyError" in line["exception"]
        assert line["exception"].endswith("\nRuntimeError"), (
            "the texts of foreign exceptions quote values"
        )
        assert "in-a-local" not in line["exception"].replace('plain + "-in-a-local"', "")


def test_secrets_in_extra_bound_and_context_fields_are_redacted(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1", session_key=CORE)
    logging.getLogger("x").info("a", extra={"authorization": CORE, "rows": 1})
    getLogger("x").bind(client_secret=CORE, nested=[{"deep": {"refresh_token": CORE}}]).info("b")
    assert CORE not in lines.getvalue()
    foreign, ours = read(lines)
    assert (foreign["rows"], foreign["request_id"], foreign["authorization"]) == (1, "r1", REDACTED)
    assert ours["nested"] == [{"deep": {"refresh_token": REDACTED}}]


def test_fields_of_a_call_cannot_pose_as_the_fixed_ones(lines: io.StringIO) -> None:
    getLogger("x").info("a", process="forged", time="forged", logger="forged")
    assert "forged" not in {read(lines)[0]["process"], read(lines)[0]["time"]}


def test_http_libraries_stay_quiet_even_at_debug(lines: io.StringIO) -> None:
    for name in (*QUIET_LOGGERS, "httpcore.connection", "django.db.backends.schema"):
        logging.getLogger(name).info("request sent")
        logging.getLogger(name).warning("warned")
    assert {line["event"] for line in read(lines)} == {"warned"}


def test_log_handlers_of_other_libraries_are_replaced(lines: io.StringIO) -> None:
    foreign = io.StringIO()
    other = logging.getLogger("gunicorn.error")
    other.addHandler(logging.StreamHandler(foreign))
    other.propagate = False
    configure_logging("web", lines)
    configure_logging("web", lines)
    other.error("once")
    assert foreign.getvalue() == ""
    assert [line["event"] for line in read(lines)] == ["once"]


def test_warnings_and_uncaught_exceptions_are_logged(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"token={CORE}", stacklevel=1)
    thread = threading.Thread(target=lambda: int(TOKEN))
    thread.start()
    thread.join()
    error = ValueError(TOKEN)
    sys.excepthook(ValueError, error, None)
    assert CORE not in lines.getvalue()
    assert [line["event"] for line in read(lines)][1:] == ["uncaught_in_thread", "uncaught"]


def test_log_file_has_mode_600_and_can_be_rotated(tmp_path: Path, lines: io.StringIO) -> None:
    path = tmp_path / "web.log"
    configure_logging("web", path)
    getLogger("x").info("first")
    assert path.stat().st_mode & 0o777 == 0o600
    path.rename(tmp_path / "web.log.1")
    getLogger("x").info("second")
    assert "first" in (tmp_path / "web.log.1").read_text()
    assert "second" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    configure_logging("web", lines)


def _log_chained(event: str, cause: str) -> None:
    def fail() -> None:
        raise RuntimeError("outer") from ValueError(cause)

    try:
        fail()
    except RuntimeError:
        getLogger("x").exception(event)


POSITIONS: dict[str, Callable[[str], None]] = {
    "event": lambda text: getLogger("x").info(text),
    "argument": lambda text: getLogger("x").info("%s", text),
    "field": lambda text: getLogger("x").info("a", field=text),
    "nested": lambda text: getLogger("x").info("a", field=[{"deeper": (text,)}]),
    "key": lambda text: getLogger("x").info("a", field={text: 1}),
    "object": lambda text: getLogger("x").info("a", error=ValueError(text)),
    "bound": lambda text: getLogger("x").bind(field=text).info("a"),
    "cause": lambda text: _log_chained("a", text),
    "event and cause": lambda text: _log_chained(text, text),
    "extra": lambda text: logging.getLogger("x").info("a", extra={"field": {"deeper": text}}),
    "foreign event": lambda text: logging.getLogger("x").info(text),
    "foreign argument": lambda text: logging.getLogger("x").info("%s and %r", text, [text]),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    position=st.sampled_from(sorted(POSITIONS)),
    before=st.text(max_size=12),
    after=st.text(max_size=12),
    shape=st.sampled_from(
        [
            f"Atzr|{CORE}",
            f"Atza|{CORE}",
            f"amzn1.oa2-cs.v1.{CORE}",
            f"spapi_oauth_code={CORE}",
            f"CNRY{'ABCD234567' * 2}",
        ]
    ),
)
def test_secret_at_any_position_of_a_log_call_is_redacted(
    lines: io.StringIO, position: str, before: str, after: str, shape: str
) -> None:
    lines.seek(0)
    lines.truncate()
    # A space, so that random text does not by chance become part of a name in front of "=".
    text = f"{before} {shape}{after}".replace("%", "")
    POSITIONS[position](text)
    assert len(read(lines)) == 1
    assert CORE not in lines.getvalue()
    assert "CNRYABCD" not in lines.getvalue()
