"""Benchmark: a sealed backup against a plain one, and a drill's time.

The baseline is `pg_basebackup` of the same cluster, as a tar, written to a file and synced. Ours is
the same stream, compressed, sealed and kept in a folder. They take turns; the shortest of each
counts. The rows are made up; the cluster compresses to about a quarter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from tests.integration.deployment import deployment

BAR = 1.3
#: A drill must not take the disk for a whole night: ten minutes for a GiB.
DRILL_BAR = 600.0
_FILL = """
create table public.bench_filler as
select n as id, md5(n::text) as sku, 'Brush, wooden, ' || (n % 977) as title,
       (n::bigint * 7919) % 100000 / 100.0 as amount, now() as at, md5((n + 1)::text) as more
from generate_series(1, 2600000) n
"""
_MEASURE = """
import json, os
from pathlib import Path
from time import perf_counter
from django.conf import settings
from theseller.lib import clock
from theseller.crypto.key_types import Purpose
from theseller.lib.ids import new_id
from theseller.backups.migration_and_erasure_replay import replay_in_quarantine
from theseller.backups.restore_drill import drill
from theseller.backups.operations import take
from theseller.backups.sealed_objects import keep, place_of
from theseller.backups.backup_configuration import backup_context

place, state = backup_context(), settings.ENVIRONMENT.state
key, identity = place.keys.create(Purpose.BACKUP, "bench"), new_id()

def plain():
    begun, size = perf_counter(), 0
    with (state / "plain.tar").open("wb") as file:
        for piece in place.source.base():
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return perf_counter() - begun, size

def ours():
    begun = perf_counter()
    context = place_of(identity, "base", place.environment)
    kept = keep(place.target, key, context, place.source.base())
    return perf_counter() - begun, kept.bytes

turns = [(plain(), ours()) for _ in range(3)]
(state / "plain.tar").unlink()
place.target.delete(identity.hex + "/base")
taken = take(place, now=clock.now)
begun = perf_counter()
found = drill(place, taken.id, state / "drill", replay=replay_in_quarantine, at=clock.now(),
    now=clock.now)
assert found.passed, found.faults
print(json.dumps({"plain": min(one[0] for one, _ in turns),
    "ours": min(one[0] for _, one in turns), "size": turns[0][0][1],
    "kept": turns[0][1][1], "drill": perf_counter() - begun}))
"""


def run() -> list[dict[str, Any]]:
    """Measure on a deployment of its own.

    Returns:
        The cost of a backup and the time of a drill.
    """
    with deployment(archiving=True) as deployed:
        with psycopg.connect(
            deployed.server.superuser_dsn("theseller"), autocommit=True
        ) as superuser:
            superuser.execute(_FILL)
            superuser.execute(
                "grant all on bench_filler to public"
            )  # As the migrations grant it for the real ones.
        found = json.loads(deployed.ask(_MEASURE).splitlines()[-1])
    gib = found["size"] / 2**30
    print(
        f"cluster {found['size'] / 1e6:.0f} MB, kept as {found['kept'] / 1e6:.0f} MB; drill"
        f" {found['drill']:.1f} s"
    )
    return [
        {
            "name": "backup: compressed, sealed and kept, beside pg_basebackup",
            "ours": found["ours"],
            "baseline": found["plain"],
            "ratio": found["ours"] / found["plain"],
            "unit": "s",
            "bar": BAR,
            "better": "lower",
        },
        {
            "name": "backup: a drill, for each GiB",
            "ours": found["drill"] / gib,
            "baseline": 1.0,
            "ratio": found["drill"] / gib,
            "unit": "s",
            "bar": DRILL_BAR,
            "better": "lower",
        },
    ]


if __name__ == "__main__":
    for result in run():
        print(
            f"{result['name']}: {result['ours']:.2f} / {result['baseline']:.2f} {result['unit']},"
            f" ratio {result['ratio']:.2f}"
        )
