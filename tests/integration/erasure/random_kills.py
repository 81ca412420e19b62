"""Kills disconnecting, purging and the taking of backups at random instants.

Each is continued afterwards.

Run with the name of an act, Django being ready. Each act is done once undisturbed to see how long
it takes; then it is killed after a part of that time, drawn over all of it and a bit more, so many
times as is given, and again until one was killed before its end. The seed is printed first: with it
as THESELLER_KILLS_SEED the same parts are drawn again. Unlike `kills.py` nothing is counted: a kill
falls into the middle of a statement, of a write, of a computation.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

from tests.integration.erasure import kills
from tests.integration.key_rotation.kills import forked

from theseller.backups.operations import keep_wal, take
from theseller.erasure.connection_erasure import erase_connection
from theseller.lib import clock

SEED = int(os.environ.get("THESELLER_KILLS_SEED") or secrets.randbits(32))


def killed_after(act: Callable[[], object], seconds: float) -> bool:
    """Do `act` in a process of its own and kill it after so long.

    Return False if it was done before. An error of the act's own is raised here.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    time.sleep(seconds)
    os.kill(
        child, signal.SIGKILL
    )  # one that has ended waits for us, so that the number is still its own
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "it failed by itself"
    return False


def timed(act: Callable[[], object]) -> float:
    """Do it once undisturbed, in a process of its own like those that are killed."""
    begun = time.monotonic()
    assert forked(act) == 0  # type: ignore[arg-type]  # its result is not used
    return time.monotonic() - begun


class Chance:
    """Draws instants over the whole of what an act takes and a tenth more.

    The machine may be slower the next time.
    """

    def __init__(self) -> None:
        self._random = random.Random(SEED)  # noqa: S311

    def instant(self, whole: float) -> float:
        return self._random.uniform(0, whole * 1.1)


def disconnections(tenant: UUID, rounds: int, chance: Chance) -> int:
    def prepared() -> UUID:
        connection = kills.open_connection(tenant)
        forked(partial(kills._sealed_token, tenant, connection))
        return connection

    whole = min(timed(partial(kills._disconnect, tenant, prepared())) for _ in range(2))
    done = killed = 0
    while done < rounds or not killed:
        done += 1
        connection = prepared()
        killed += killed_after(
            partial(kills._disconnect, tenant, connection), chance.instant(whole)
        )
        forked(partial(kills._never_half_disconnected, tenant, connection))
        forked(partial(kills._check_disconnected, tenant, connection))
    return killed


def purges(tenant: UUID, person: UUID, rounds: int, chance: Chance) -> int:
    def erase(connection: UUID) -> None:
        erase_connection(connection=connection, tenant=tenant, at=clock.now())

    recipe = kills._recipe(tenant, person)
    whole = min(timed(partial(erase, kills._seeded(recipe))) for _ in range(2))
    done = killed = 0
    while done < rounds or not killed:
        done += 1
        connection = kills._seeded(recipe)
        before = kills.left_reported(tenant, connection)
        killed += killed_after(partial(erase, connection), chance.instant(whole))
        forked(partial(kills._check_records_of_a_purge, tenant, connection, before))
        forked(partial(kills._check_purged, tenant, connection))
    return killed


def backups(rounds: int, chance: Chance) -> int:
    def back_up() -> None:
        place = kills._place()
        take(place, now=clock.now)
        keep_wal(place)

    whole = min(timed(back_up) for _ in range(2))
    done = killed = 0
    while done < rounds or not killed:
        done += 1
        killed += killed_after(back_up, chance.instant(whole))
        forked(kills._check_backups)
    return killed


def main() -> None:
    act, tenant, person, rounds = (
        sys.argv[1],
        UUID(sys.argv[2]),
        UUID(sys.argv[3]),
        int(sys.argv[4]),
    )
    sys.stdout.write(f"seed {SEED}\n")
    sys.stdout.flush()
    chance = Chance()
    acts: dict[str, Callable[[], int]] = {
        "backup": lambda: backups(rounds, chance),
        "disconnect": lambda: disconnections(tenant, rounds, chance),
        "purge": lambda: purges(tenant, person, rounds, chance),
    }
    sys.stdout.write(f"{acts[act]()}\n")


if __name__ == "__main__":
    main()
