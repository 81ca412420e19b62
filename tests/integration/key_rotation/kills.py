"""Kills a rotation at one boundary after the other, continues it, and checks the result.

Run with the name of a secret, Django being ready; prints how many boundaries there were. A boundary
lies after each step's effect and before its record, and after each record. Processes are forked
from one that holds no connection, so that each kill costs a fraction of a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from tests.integration.fill_deployment import TOKEN

from theseller.accounts.mfa import totp_secret_sealing as mfa_vault
from theseller.accounts.mfa.rekey import second_factor_keys
from theseller.accounts.models import Authenticator
from theseller.connections import refresh_token_store
from theseller.crypto.cached_secrets import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.key_rotation.operations import rotate, stage_client_secret
from theseller.key_rotation.secret_inventory import find_entry
from theseller.key_rotation.types import (
    RotationBusyError,
    RotationContext,
    RotationReason,
    RotationResult,
)
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.tenancy.models import Tenant
from theseller.tenancy.tenant_scope import tenant_scope

#: At the first of these every session has expired; at the second Amazon refuses a client secret
#: that was replaced at the first.
_LATER = (timedelta(days=8), timedelta(days=16))


def _rotate_when_free(
    name: str, reason: RotationReason, context: RotationContext
) -> Sequence[RotationResult]:
    """Rotate when the server has noticed that the killed process left, and freed its lock."""
    for _ in range(300):
        with contextlib.suppress(RotationBusyError):
            return rotate([name], reason=reason, actor="process:test", context=context)
        time.sleep(0.2)
    raise AssertionError("the lock of a killed rotation was not freed within 60 s")


def drive(
    name: str, reason: RotationReason, say: Callable[[str, str, str], None] = lambda *_: None
) -> None:
    """Rotate to the end, waiting for nothing but the clock."""
    rotated = None
    for later in _LATER:
        context = RotationContext(
            lambda later=later: clock.now() + later,  # type: ignore[misc]
            lambda _seconds: None,
            say,
        )  # bound at once
        (rotated,) = _rotate_when_free(name, reason, context)
        if rotated.finished:
            return
    raise AssertionError(rotated)


def killed_at(name: str, reason: RotationReason, boundary: int) -> None:
    """Rotate, and kill this process at the boundary of that number."""
    passed = 0

    def say(_secret: str, _step: str, event: str) -> None:
        nonlocal passed
        if event in {"done", "recorded"}:
            if passed == boundary:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1

    prepare(name)
    drive(name, reason, say)


def prepare(name: str) -> None:
    if name == "lwa-client-secret" and sys.argv[3:]:
        stage_client_secret(Secret(sys.argv[3]))


def check_rotated(name: str) -> None:
    """Read and write under every kind of secret, and look for what a rotation may have left."""
    entry = find_entry(name, at=clock.now())
    assert entry is not None
    assert not entry.under_way
    for left in (NEXT_SUFFIX, PREVIOUS_SUFFIX):
        assert ":" in name or secret_or_none(settings.SECRETS, name + left) is None
    for one in json.loads((settings.ENVIRONMENT.state / "people.json").read_text()):
        tenant, connection = UUID(one["tenant"]), UUID(one["connection"])
        with tenant_scope(tenant):
            assert Tenant.objects.count() == 1
            assert refresh_token_store.open_token(tenant, connection) == Secret(TOKEN)
        apps = [
            mfa_vault.unsealed(row, bytes(sealed))
            for row, sealed in Authenticator.objects.values_list("id", "sealed")
        ]
        assert Secret(one["app"]) in apps
        assert len(second_factor_keys()) == 1
        living = [
            key
            for key in settings.KEY_STORE.list()
            if key.owner == f"connection:{connection}" and not key.destroyed
        ]
        assert len(living) == 1
    assert name != "root-key" or len(settings.SECRETS.get("root-key").reveal().splitlines()) == 1
    for password in ("db-web", "db-worker"):
        assert_accepted(password)


def assert_accepted(name: str) -> None:
    from theseller.key_rotation.database_role_sign_in import connect

    connect(name, settings.SECRETS.get(name)).close()


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child; return 0, or the number of the signal that ended it.

    Raise with 1 if it failed.
    """
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    if os.WEXITSTATUS(status):
        raise SystemExit(1)
    return 0


def main() -> None:
    name, reason = sys.argv[1], RotationReason(sys.argv[2])
    kills, stride = 0, int(os.environ.get("THESELLER_KILLS_STRIDE", "1"))
    while forked(partial(killed_at, name, reason, kills * stride)) == signal.SIGKILL:
        forked(lambda: drive(name, reason))
        forked(lambda: check_rotated(name))
        kills += 1
    forked(lambda: check_rotated(name))
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main()
