"""Command line of the trial: `bin/citus-trial SOURCE_FOLDER`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.citus_trial import (
    attacks,
    citus_attacks,
    deployment,
    figures,
    mechanisms,
    schema,
)
from benchmarks.citus_trial.attacks import Pair
from benchmarks.citus_trial.cluster import COORDINATOR, PLAIN, Cluster, running
from benchmarks.citus_trial.report import PASS, WRONG, Figure, Report, markdown

AS_CREATED, OWN_PAIR = "policies as Citus creates them", "own pair of policies on each shard"


def main(arguments: Sequence[str]) -> int:
    """Run the trial and print what it found; 0 unless it could not be run."""
    parser = argparse.ArgumentParser(prog="bin/citus-trial", description=__doc__)
    parser.add_argument("bin_dir", type=Path, help="programs of a PostgreSQL with Citus")
    parser.add_argument("--tenants", type=int, default=200)
    given = parser.parse_args(arguments)
    least = (figures.ROUNDS + 1) * figures.SHOPS
    if given.tenants < least:
        parser.error(f"at least {least} tenants are measured")
    with tempfile.TemporaryDirectory(prefix="citus-trial-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with running(given.bin_dir, folder / "servers") as cluster:
            deployment.set_up(cluster, folder / "state")
            _run(cluster, given.tenants)
    return 0


def _run(cluster: Cluster, count: int) -> None:
    report = Report()
    with cluster.connect(PLAIN) as plain:
        print("PostgreSQL", plain.execute("show server_version").fetchone())
    schema.join_nodes(cluster)
    with cluster.connect(COORDINATOR, autocommit=True) as coordinator:
        print(coordinator.execute("select citus_version()").fetchone())
        schema.try_as_they_are(coordinator, report)
        schema.prepare_workers(cluster, report)
        schema.distribute_all(coordinator, report)
    schema.delegate_ticket(cluster, report)
    _restrictive(cluster, report)
    pair = attacks.make_pair(cluster)
    mechanisms.tickets(cluster, pair.own, report)
    _attack(cluster, report, pair, AS_CREATED)
    print(schema.policies_on_shards(cluster, schema.OWN_PAIR), "shards have the own pair now")
    _restrictive(cluster, report)
    _attack(cluster, report, pair, OWN_PAIR)
    measured = figures.run(cluster, figures.load(cluster, count), OWN_PAIR)
    citus_attacks.run(cluster, pair, report, "functions as installed")
    print("functions revoked:", schema.take_functions_away(cluster))
    citus_attacks.run(cluster, pair, report, "functions revoked")
    mechanisms.product_as_it_is(cluster, report)
    mechanisms.product(cluster, report)
    mechanisms.across(cluster, report, login=False)
    mechanisms.across(cluster, report, login=True)
    mechanisms.atomic(cluster, pair.own, report)
    mechanisms.moved_shard(cluster, report)
    mechanisms.later(cluster, report)
    _print(report, measured)


def _restrictive(cluster: Cluster, report: Report) -> None:
    kept, lost = schema.restrictive_on_shards(cluster)
    report.add(
        "policies",
        "restrictive policies on workers are restrictive",
        WRONG if lost > kept else PASS,
        f"{kept} restrictive, {lost} permissive",
    )


def _attack(cluster: Cluster, report: Report, pair: Pair, form: str) -> None:
    """Attack before the tables are large: a policy that is a function is evaluated for each row."""
    roles = attacks.ROLES if form == OWN_PAIR else attacks.ROLES[:1]
    attacks.on_shards(cluster, pair, report, form, roles)
    attacks.through_coordinator(cluster, pair, report, form, roles)


def _print(report: Report, measured: Sequence[Figure]) -> None:
    print(f"\n{report.table()}\n\n{report.counts()}\n")
    rows = [figure.row((PLAIN, OWN_PAIR), PLAIN) for figure in measured]
    print(markdown(("measured", "unit", PLAIN, f"{OWN_PAIR} (ratio)"), rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
