"""Classify database failures: a code for logs, sentences for people.

Decided by the exception's type, the SQLSTATE, and libpq's text where there is no SQLSTATE (a
refused connection has none). A text in another language than English is not recognized; then only
the type is reported. Nothing of a row or statement is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DRIVERS = ("psycopg", "psycopg_pool")


@dataclass(frozen=True, slots=True)
class Failure:
    """A database failure.

    `reason` is a code for logs; `lasting` failures don't pass by themselves.
    """

    reason: str
    message: str
    advice: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class _TextRule:
    pattern: str
    reason: str
    message: str
    advice: str
    lasting: bool = False


_URL = "Check DATABASE_URL (and THESELLER_ADMIN_URL)."
_CA = (
    "Name the file of the authority that signed it: sslrootcert=FILE in the URL, or"
    " sslrootcert=system for the system's own list."
)
#: By libpq's and the server's texts; the first match applies. Groups are names, hosts or files,
#: never values.
_BY_TEXT = (
    # A full disk also refuses connections and server starts, without a SQLSTATE.
    _TextRule(
        r"FATAL: .*(?:No space left on device|Disk quota exceeded)",
        "disk_full",
        "The disk of the database is full.",
        "Free some space there: it resumes by itself, and nothing is left half done.",
    ),
    _TextRule(
        r'root certificate file "(?P<file>[^"]*)" does not exist',
        "ca_file_missing",
        "The file of trusted certificates, {file}, does not exist.",
        _CA,
        lasting=True,
    ),
    _TextRule(
        r"could not read root certificate file",
        "ca_file_unreadable",
        "The file of trusted certificates can't be read.",
        _CA,
        lasting=True,
    ),
    _TextRule(
        r"certificate verify failed",
        "ca_wrong",
        "The database server's certificate was not signed by an authority that is trusted here.",
        _CA,
        lasting=True,
    ),
    _TextRule(
        r'server certificate for "(?P<given>[^"]*)".* does not match host name "(?P<host>[^"]*)"',
        "tls_host_mismatch",
        "The server's certificate is for {given}, and the URL names {host}.",
        "Use the name that the certificate is for.",
        lasting=True,
    ),
    _TextRule(
        r"server does not support SSL",
        "tls_not_offered",
        "The database server does not offer TLS.",
        "Switch it on there (ssl = on); TheSeller sends no password in the clear.",
        lasting=True,
    ),
    _TextRule(
        r"could not translate host name|failed to resolve host|[Nn]ame or service not "
        r"known|[Nn]ame resolution|nodename nor servname",
        "host_unknown",
        "The host name of the database is not known here.",
        _URL,
    ),
    _TextRule(
        r"Connection refused",
        "refused",
        "Nothing accepts connections{where}.",
        "Start the database, or correct host and port. " + _URL,
    ),
    _TextRule(
        r"on socket .*No such file or directory",
        "socket_missing",
        "No database listens{where}.",
        "Start the database. " + _URL,
    ),
    _TextRule(
        r"No route to host|Network is unreachable",
        "unreachable",
        "The database's host can't be reached{where}.",
        "Check the network. " + _URL,
    ),
    _TextRule(
        r"timeout expired|[Cc]onnection timed out",
        "timeout",
        "The database does not answer in time{where}.",
        "Check the network and its firewalls. " + _URL,
    ),
    # PgBouncer's own refusals: it knows neither our roles and database nor our options.
    _TextRule(
        r"FATAL: +(?:no such (?:user|database)|unsupported startup parameter|bouncer config error"
        r"|server login has been failing)",
        "pooler",
        "A connection pooler refuses the connection{where}; TheSeller needs the server itself.",
        "Name the database server's own address in DATABASE_URL (and THESELLER_ADMIN_URL), not the"
        " pooler's.",
        lasting=True,
    ),
    _TextRule(
        r'database "(?P<name>[^"]*)" does not exist',
        "database_missing",
        "There is no database named {name}.",
        _URL,
        lasting=True,
    ),
    _TextRule(
        r'role "(?P<name>[^"]*)" does not exist',
        "role_missing",
        "The server has no role named {name}.",
        "`theseller migrate` creates TheSeller's roles; an administrator's role is named in "
        "THESELLER_ADMIN_URL.",
        lasting=True,
    ),
    _TextRule(
        r'password authentication failed(?: for user "(?P<name>[^"]*)")?',
        "password_wrong",
        "The database refuses the password of {name}.",
        "For a role of TheSeller: `theseller migrate` sets it to what the secrets say. For "
        "THESELLER_ADMIN_URL: correct PGPASSWORD or ~/.pgpass.",
        lasting=True,
    ),
    _TextRule(
        r"no password supplied",
        "password_missing",
        "The database asks for a password, and none was given.",
        "For THESELLER_ADMIN_URL: export it as PGPASSWORD, or put it into ~/.pgpass (mode 0600) of"
        " the account theseller, which the command runs as.",
        lasting=True,
    ),
    _TextRule(
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "not_admitted",
        "The server's pg_hba.conf does not admit this connection.",
        "Add a line for this host, database and role there.",
        lasting=True,
    ),
    _TextRule(
        r'role "(?P<name>[^"]*)" is not permitted to log in',
        "role_no_login",
        "The role {name} may not sign in.",
        "`theseller migrate` corrects TheSeller's roles.",
        lasting=True,
    ),
    _TextRule(
        r"sorry, too many clients|too many connections|remaining connection slots are reserved",
        "too_many_connections",
        "The database has no connection left.",
        "Raise max_connections there, or run fewer processes (docs/operate/settings.md).",
    ),
    _TextRule(
        r"is starting up|is shutting down|in recovery mode|not yet accepting connections",
        "restarting",
        "The database is starting or stopping.",
        "Try again in a moment.",
    ),
    _TextRule(
        r"permission denied for database",
        "connect_denied",
        "The role may not use this database.",
        "`theseller migrate` sets the rights of TheSeller's roles, also after a move of the"
        " database that was interrupted.",
        lasting=True,
    ),
    _TextRule(
        r"server closed the connection|terminating connection|connection (?:is|was|has been) "
        r"(?:closed|lost)|consuming input failed"
        r"|connection not open|could not receive data|Connection reset|Broken pipe",
        "connection_lost",
        "The connection to the database was lost.",
        "Try again: it may have been restarted.",
    ),
    _TextRule(
        r"invalid (?:connection option|URI|sslmode|port|integer)|missing \"=\"",
        "url_invalid",
        "The address of the database can't be read.",
        _URL,
        lasting=True,
    ),
)
_DISK_FULL = Failure(
    "disk_full",
    "The disk of the database is full.",
    "Free some space there: it resumes by itself, and nothing is left half done.",
)
_LOCKED = "Something else holds a lock that is needed. Nothing is left half done."
_BY_CODE = {
    "42501": Failure(
        "permission_denied",
        "The database refuses a statement: the role lacks the right.",
        "For `theseller migrate`: the role of THESELLER_ADMIN_URL has to be a superuser, or one"
        " that may make roles and databases and made those of TheSeller. "
        "Else: `theseller migrate` sets the rights.",
        lasting=True,
    ),
    "25006": Failure(
        "read_only",
        "The database is read-only, as a standby is.",
        "Name the primary server. " + _URL,
        lasting=True,
    ),
    "53100": _DISK_FULL,
    "53200": Failure(
        "out_of_memory", "The database has no memory left.", "Give it more, or run fewer processes."
    ),
    "55P03": Failure("lock_timeout", _LOCKED, "Try again; what holds it is in pg_stat_activity."),
    "40P01": Failure("deadlock", _LOCKED, "Try again."),
    "57014": Failure(
        "statement_timeout",
        "A statement took longer than it may.",
        "Try again when the database is less busy.",
    ),
    "57P01": Failure(
        "connection_lost",
        "The database ended the connection: it is being restarted.",
        "Try again in a moment.",
    ),
    "57P02": Failure(
        "connection_lost",
        "The database ended the connection: it crashed and recovers.",
        "Try again in a moment.",
    ),
    "57P03": Failure(
        "restarting", "The database is starting or stopping.", "Try again in a moment."
    ),
    "53300": Failure(
        "too_many_connections",
        "The database has no connection left.",
        "Raise max_connections there, or run fewer processes.",
    ),
    "28P01": Failure(
        "password_wrong",
        "The database refuses the password.",
        "`theseller migrate` sets TheSeller's.",
        lasting=True,
    ),
    "3D000": Failure("database_missing", "There is no such database.", _URL, lasting=True),
}
_POOL = Failure(
    "no_connection",
    "No database connection was available in time.",
    "The log says why connections fail; else all are in use: run fewer threads or raise "
    "max_connections.",
)
_SERVER_ADDRESS = re.compile(
    r'connection to server (?:at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+)|on socket'
    r' "(?P<socket>[^"]*)")'
)


def classify(error: BaseException) -> Failure | None:
    """Return what a database failure means.

    Returns None if neither `error` nor its causes or group members are known.
    """
    found = [_classify_one(one) for one in _database_errors(error)]
    # A pool timeout hides why connections failed; prefer another known failure beside it.
    known = sorted((one for one in found if one is not None), key=lambda one: one is _POOL)
    return known[0] if known else None


def reason_of(error: BaseException) -> str:
    """Return the reason of a failed connection; "" for any other error.

    Causes are ignored.
    """
    if type(error).__module__.partition(".")[0] not in _DRIVERS or isinstance(
        getattr(error, "sqlstate", None), str
    ):
        return ""
    failure = _classify_one(error)
    return failure.reason if failure is not None else ""


def server_text(error: BaseException) -> str:
    """Return the server's or libpq's text, for debugging.

    Returns "" if it could quote data. Redact it before showing it.
    """
    for one in _database_errors(error):
        state = getattr(one, "sqlstate", None)
        if state is None:
            return str(one)
        if isinstance(state, str) and state[:2] in {"08", "28", "3D", "42", "53", "55", "57"}:
            return str(getattr(one.diag, "message_primary", "") or "")  # type: ignore[attr-defined]
    return ""


def _database_errors(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if type(one).__module__.partition(".")[0] in _DRIVERS:
            yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        waiting += [one.__cause__, None if one.__suppress_context__ else one.__context__]


def _classify_one(error: BaseException) -> Failure | None:
    if type(error).__name__ in {"PoolTimeout", "TooManyRequests", "PoolClosed"}:
        return _POOL
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _BY_CODE.get(state) or (_classify_by_text(error) if state[:2] == "08" else None)
    return _classify_by_text(error)


def _classify_by_text(error: BaseException) -> Failure | None:
    """Classify a failure without SQLSTATE by its text.

    Only connection errors have none.
    """
    if not any(
        kind.__name__ in {"OperationalError", "InterfaceError", "ProgrammingError"}
        for kind in type(error).__mro__
    ):
        return None
    text = str(error)
    for one in _BY_TEXT:
        found = re.search(one.pattern, text, re.DOTALL)
        if found:
            names = {name: value or "the role" for name, value in found.groupdict().items()}
            return Failure(
                one.reason,
                one.message.format(**names, where=_server_address(text)),
                one.advice,
                one.lasting,
            )
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        return Failure(
            "connection_failed",
            f"The database can't be reached{_server_address(text)}.",
            "Run it again with --debug to see what it says.",
        )
    return None


def _server_address(text: str) -> str:
    found = _SERVER_ADDRESS.search(text)
    if found is None:
        return ""
    return (
        f" at {found['socket']}"
        if found["socket"]
        else f" at {found['host']}, port {found['port']}"
    )
