"""Section 3: tokens, keys and secrets."""

from __future__ import annotations

import base64
import ctypes
import json
import sys
import zlib
from collections.abc import Iterator

import pytest
from django.conf import settings
from tests.sabotage.deployment import TOKEN
from tests.sabotage.saboteurs import Tools, breaks, in_log, scrub, sql

from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

_PR_SET_DUMPABLE = 4
_SWAP = (
    "update connections_refresh_token t set sealed = o.sealed from connections_refresh_token o"
    " where t.connection_id in ('{open}', '{charlies}') and o.connection_id in ('{open}',"
    " '{charlies}') and o.connection_id <> t.connection_id"
)
sql("cred-token-encryption", "swaps the sealed tokens of two shops", _SWAP, _SWAP)
sql(
    "cred-token-encryption",
    "lets the web's role read sealed tokens",
    "grant select (sealed) on connections_refresh_token to theseller_web",
    "revoke select (sealed) on connections_refresh_token from theseller_web",
    also=("cred-least-privilege",),
)


@breaks("cred-token-encryption", "stores a token as plain text", also=("net-at-rest",))
def _plain(tools: Tools) -> Iterator[None]:
    which = [tools.deployment.open]
    row = tools.superuser.execute(
        "select sealed from connections_refresh_token where connection_id = %s", which
    ).fetchone()
    assert row is not None
    tools.superuser.execute(
        "update connections_refresh_token set sealed = %s where connection_id = %s",
        [TOKEN.encode(), *which],
    )
    yield
    tools.superuser.execute(
        "update connections_refresh_token set sealed = %s where connection_id = %s",
        [row[0], *which],
    )
    scrub(tools, "connections_refresh_token")


@breaks(
    "cred-token-encryption",
    "opens the folder of keys to other users",
    blinds=("cred-rotation", "pii-separate-key"),
)
def _open_keys(tools: Tools) -> Iterator[None]:
    del tools
    folder = settings.ENVIRONMENT.state / "keys"
    folder.chmod(0o755)
    yield
    folder.chmod(0o700)


@breaks(
    "cred-access-token-memory",
    "puts a token into a job's arguments",
    also=("net-at-rest", "pii-strip"),
)
def _job(tools: Tools) -> Iterator[None]:
    tools.superuser.execute(
        "insert into procrastinate_jobs (queue_name, task_name, args) values ('sabotage',"
        " 'sabotage', jsonb_build_object('t', %s::text))",
        [TOKEN],
    )
    tools.superuser.execute("checkpoint")
    yield
    tools.superuser.execute("delete from procrastinate_jobs where queue_name = 'sabotage'")
    scrub(tools, "procrastinate_jobs")


@breaks("cred-access-token-memory", "writes a token into a log")
def _log(tools: Tools) -> Iterator[None]:
    yield from in_log("sabotage.log", b"token=Atza|IwEBIsabotage")


@breaks("cred-access-token-memory", "keeps a token in a browser session, compressed as Django does")
def _session(tools: Tools) -> Iterator[None]:
    packed = (
        base64.urlsafe_b64encode(
            zlib.compress(json.dumps({"token": TOKEN, "pad": "a" * 200}).encode())
        )
        .decode()
        .rstrip("=")
    )
    tools.superuser.execute(
        "insert into django_session (session_key, session_data, expire_date) values ('sabotage',"
        " %s, now() + interval '1 hour')",
        [f".{packed}:1abc:signature"],
    )
    yield
    tools.superuser.execute("delete from django_session where session_key = 'sabotage'")


@breaks("cred-access-token-memory", "makes the token's type print its value")
def _talk(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(Secret, "__repr__", lambda self: self.reveal())
    yield


@breaks("cred-no-plaintext", "writes a live client secret into a log")
def _secret(tools: Tools) -> Iterator[None]:
    yield from in_log(
        "sabotage.log", b"secret=" + settings.SECRETS.get("lwa-client-secret").reveal_bytes()
    )


@breaks("cred-access-token-memory", "lets a crash write the process's memory to the disk")
def _core(tools: Tools) -> Iterator[None]:
    # The other lock, the limit, can be opened again by a privileged root only.
    if sys.platform != "linux":
        pytest.skip("only Linux lets a process say that it may be dumped")
    kernel = ctypes.CDLL(None)
    kernel.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    yield
    kernel.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@breaks("cred-rotation", "puts a secret of unknown age among the deployment's")
def _unknown_secret(_tools: Tools) -> Iterator[None]:
    settings.SECRETS.put("partner-api", Secret("of unknown age"))
    yield
    settings.SECRETS.remove("partner-api")


@breaks("cred-rotation", "lets a database password grow 91 days old")
def _old_password(tools: Tools) -> Iterator[None]:
    tools.superuser.execute(
        "update governance_secret_age set made_at = made_at - interval '91 days' where secret ="
        " 'db-worker'"
    )
    yield
    tools.superuser.execute(
        "update governance_secret_age set made_at = made_at + interval '91 days' where secret ="
        " 'db-worker'"
    )


@breaks("cred-rotation", "leaves the replacement of a leaked secret unfinished")
def _stuck_rotation(tools: Tools) -> Iterator[None]:
    stuck = new_id()
    tools.superuser.execute(
        "insert into governance_rotation (id, secret, reason, actor, step, started_at, moved_at)"
        " values (%s, 'tenant-ticket-key', 'leaked', 'process:test', 'trust', now() - interval '2"
        " hours', now())",
        [stuck],
    )
    yield
    tools.superuser.execute("delete from governance_rotation where id = %s", [stuck])
