"""Structured, redacted logging: one JSON object per line.

A line has ``time``, ``level``, ``process``, ``logger``, ``event`` and the call's fields;
``exception`` is a traceback without local variables and without the texts of foreign exceptions
(`safe_tracebacks`). Fields with sensitive names lose their values (`redaction.is_sensitive_name`):
name a field ``status`` or ``reason``, not ``state`` or ``code``, which are secrets of the OAuth
exchange. An event is a stable name in snake case: ``authorization_failed``.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import threading
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from io import StringIO, TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor
from typing_extensions import override

from theseller.lib.redaction import redact
from theseller.lib.request_route_logging import replace_address_by_route
from theseller.lib.safe_tracebacks import trace_text

#: Loggers that print requests, headers, statements or their parameters below WARNING, at any level
#: of ours.
QUIET_LOGGERS = (
    "asyncio",
    "boto3",
    "botocore",
    "django.db.backends",
    "django.server",
    "fido2",
    "gunicorn.access",
    "h11",
    "hpack",
    "httpcore",
    "httpx",
    "hvac",
    "procrastinate",
    "psycopg",
    "psycopg.pool",
    "s3transfer",
    "urllib3",
    "uvicorn.access",
)


def configure_logging(process: str, target: TextIO | Path, level: int | str = logging.INFO) -> None:
    """Send all log lines of this process to `target`.

    Call it first in a process, and again to change it. Existing handlers are removed, since they
    would write unredacted. Uncaught exceptions are logged.

    Args:
        process: the kind of process (``web``, ``worker``).
        target: a stream, or a file, which gets mode 0600 and may be rotated away.
        level: the lowest level that is written.
    """
    handler = _handler(target)
    handler.setFormatter(_RedactingFormatter(process))
    _remove_other_handlers()
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    # On a full disk the standard library would print the arguments, unredacted, to stderr.
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


# - the standard library's name for it
def getLogger(name: str) -> structlog.stdlib.BoundLogger:  # noqa: N802
    """Return a structured logger.

    Use: ``getLogger(__name__).info("report_read", rows=12)``.
    """
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def unredacted_sinks() -> tuple[str, ...]:
    """Return the types of handlers that write without redaction."""
    loggers = (
        logging.getLogger(),
        *(
            one
            for one in logging.root.manager.loggerDict.values()
            if isinstance(one, logging.Logger)
        ),
    )
    return tuple(
        sorted(
            {
                type(one).__name__
                for logger in loggers
                for one in logger.handlers
                if _writes(one) and not _redacts(one)
            }
        )
    )


def _redacts(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, _RedactingFormatter)


def _writes(handler: logging.Handler) -> bool:
    """Return whether lines leave the process by this handler."""
    if isinstance(handler, logging.FileHandler):
        return handler.baseFilename != os.devnull
    if isinstance(handler, logging.StreamHandler):
        return not isinstance(handler.stream, StringIO)
    return not isinstance(handler, logging.NullHandler)


def _send_structlog_through_logging() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            _format_arguments,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _handler(target: TextIO | Path) -> logging.Handler:
    if not isinstance(target, Path):
        return logging.StreamHandler(target)
    return _PrivateFileHandler(target, encoding="utf-8")


class _PrivateFileHandler(WatchedFileHandler):
    """A log file of mode 0600, also when it is reopened after a rotation."""

    @override
    def _open(self) -> TextIOWrapper:
        descriptor = os.open(
            self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8")


def _remove_other_handlers() -> None:
    loggers = [logging.getLogger(name) for name in tuple(logging.root.manager.loggerDict)]
    for logger in (logging.getLogger(), *loggers):
        for handler in tuple(logger.handlers):
            logger.removeHandler(handler)
            if isinstance(handler.formatter, _RedactingFormatter):
                handler.close()
        logger.propagate = True


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a record as one redacted line. It never raises."""

    def __init__(self, process: str) -> None:
        shared: list[Processor] = [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.StackInfoRenderer(),
            _render_exception,
        ]
        super().__init__(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.ExtraAdder(),
            ],
            processors=[*shared, _FixedFields(process), _render],
        )

    @override
    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(_safe_copy(record))
        # - its text may hold the arguments, so only its type is logged
        except Exception as error:  # noqa: BLE001
            where = f"{Path(record.pathname).name}:{record.lineno}"
            failed = {
                "level": "error",
                "logger": record.name,
                "event": "log_call_failed",
                "where": where,
                "error": type(error).__name__,
            }
            return json.dumps({"time": _time(record), **failed})


class _FixedFields:
    """Put the fixed fields first and redact the others."""

    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, _logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event.pop("_record")
        event.pop("_from_structlog", None)
        fixed = {
            "time": _time(record),
            "level": event.pop("level", record.levelname.lower()),
            "process": self._process,
            "logger": event.pop("logger", record.name),
            "event": event.pop("event", ""),
        }
        return cast(EventDict, redact({**fixed, **event} | fixed))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")


def _render_exception(_logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info``, in any of its forms, by a safe traceback."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = trace_text(error)
    return event


def _format_arguments(_logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
    """Put %-arguments into the event.

    Arguments that don't fit are kept beside it, since a log call must not raise.
    """
    given = event.pop("positional_args", ())
    if given:
        arguments = _redacted_arguments(
            given[0] if len(given) == 1 and isinstance(given[0], Mapping) else given
        )
        try:
            event["event"] = event["event"] % arguments
        except (TypeError, ValueError, KeyError):
            event["arguments"] = arguments
    return event


def _render(_logger: logging.Logger, _method: str, event: MutableMapping[str, Any]) -> str:
    return json.dumps(event)  # ASCII, so that no stream of any encoding can fail on it


def _safe_copy(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy whose %-arguments are redacted one by one.

    In ``{"password": "x"}`` only the name reveals that the value is secret.
    """
    safe = copy.copy(record)
    replace_address_by_route(safe)
    safe.exc_text = None  # Another formatter's traceback has texts that ours leaves out.
    if record.args:
        safe.args = _redacted_arguments(safe.args or ())
    if record.name == "asyncio":
        # The lines after the first print a pending task with its exception's text.
        safe.msg = str(record.msg).partition("\n")[0]
    return safe


def _redacted_arguments(
    arguments: Mapping[str, object] | tuple[object, ...],
) -> dict[str, object] | tuple[object, ...]:
    safe = redact(arguments)
    return tuple(safe) if isinstance(safe, list) else cast("dict[str, object]", safe)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("theseller").critical("uncaught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(caught: threading.ExceptHookArgs) -> None:
    error = caught.exc_value or caught.exc_type()
    logging.getLogger("theseller").critical(
        "uncaught_in_thread", exc_info=(caught.exc_type, error, caught.exc_traceback)
    )


# the interpreter's type for it has no public name
def _log_unraisable(caught: Any) -> None:  # noqa: ANN401
    """Log what a destructor raised.

    Python's own hook would print it, with the destroyed object, to the error stream. At the end of
    the interpreter modules are empty already, and nothing can be logged.
    """
    if logging is None:
        return  # type: ignore[unreachable]
    error = caught.exc_value or caught.exc_type()
    logging.getLogger("theseller").error(
        "unraisable", exc_info=(caught.exc_type, error, caught.exc_traceback)
    )


# At import already: structlog's own default would print events unredacted, beside the standard
# library's handlers.
_send_structlog_through_logging()
