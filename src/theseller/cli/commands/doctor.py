"""`theseller doctor`: check this machine and the deployment on it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from theseller.cli.demo_start_preparation import EMULATOR_PORT, WEB_PORT
from theseller.cli.doctor_deployment import examine_deployment
from theseller.cli.doctor_findings import Finding
from theseller.cli.doctor_production import examine_production
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.cli.move_record import refuse_unfinished_move
from theseller.cli.public_address_checks import PublicAddress, check_public_address
from theseller.cli.request_buffering_check import check_edge
from theseller.cli.state_folders import state_folder
from theseller.cli.tcp_ports import is_free, owner
from theseller.config.environment import read_environment_kind
from theseller.postgres.binaries import find_binaries
from theseller.postgres.errors import PostgresError
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.initdb_and_settings import SPACE_NEEDED, check_version
from theseller.postgres.server_folders import control_folder, saved_layout

HELP = "check this machine and its deployment; exits with 1 if a check fails"
_MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Print the findings: ✓ passed, ✗ failed, – not checked.

    Return 1 if a check failed.
    """
    findings = list(examine(state_folder(os.environ)))
    if getattr(args, "json", False):
        print(
            json.dumps(
                [
                    {
                        "what": one.what,
                        "state": one.state,
                        "found": one.found,
                        "advice": one.advice if one.failed else "",
                    }
                    for one in findings
                ],
                indent=1,
            )
        )
        return FAILURE if any(one.failed for one in findings) else OK
    for one in findings:
        print(f"{one.symbol} {one.what:14} {one.found}")
        if one.failed and one.advice:
            print(f"  {'':14} {one.advice}")
    return FAILURE if any(one.failed for one in findings) else OK


def machine_findings(state: Path) -> Iterator[Finding]:
    """Check this machine, whatever runs on it."""
    yield from _checked((_python, _programs, _space, _memory, _swap), state)


def examine(state: Path) -> Iterator[Finding]:
    """Check everything that the demo or the deployment needs."""
    yield from _checked((_python, _programs, _space, _folder, _memory, _swap, _database), state)
    yield from _examine_service(state)


def _checked(checks: Iterable[Callable[[Path], Finding]], state: Path) -> Iterator[Finding]:
    """Run the checks; one that raises an error is itself a finding."""
    for check in checks:
        try:
            yield check(state)
        except (PostgresError, CommandError) as error:
            yield Finding(
                check.__name__.strip("_"), error.message, failed=True, advice=error.advice
            )
        except OSError as error:
            yield Finding(
                check.__name__.strip("_"), error.strerror or type(error).__name__, failed=True
            )


def _examine_service(state: Path) -> Iterator[Finding]:
    if (
        os.environ.get("DATABASE_URL")
        or read_environment_kind(os.environ).guarded
        or LockFile(control_folder(state) / "lock", "").holder()
    ):
        yield from examine_deployment(state)
    if os.environ.get("THESELLER_PUBLIC_URL", "").startswith("https://"):
        yield from _edge()
    if read_environment_kind(os.environ).guarded:
        # Its port is in use, by itself; there is no emulator.
        yield from examine_production(state)
        return
    for port, variable in (
        (WEB_PORT, "THESELLER_PORT"),
        (EMULATOR_PORT, "THESELLER_EMULATOR_PORT"),
    ):
        wanted = os.environ.get(variable, "")
        yield _port(int(wanted) if wanted.isdigit() else port, variable, required=bool(wanted))


def _edge() -> Iterator[Finding]:
    """Check what browsers and slow clients meet at the public address.

    It must be reachable, too.
    """
    checked = check_edge(os.environ)
    advice = (
        "Slow clients then occupy TheSeller itself: let the proxy buffer requests, see"
        " docs/operate/https.md."
    )
    if checked.buffers is None:
        advice = "Check the address, the certificate and the proxy: see docs/operate/https.md."
    yield Finding("proxy", checked.found, failed=not checked.buffers, advice=advice)
    if checked.buffers is not None:
        address = PublicAddress(
            os.environ["THESELLER_PUBLIC_URL"], os.environ.get("THESELLER_HSTS") or "preload"
        )
        yield from check_public_address(address)


def _python(_state: Path) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 15)
    return Finding(
        "Python",
        f"{version} ({sys.executable})",
        failed=not good,
        advice="Python 3.11 to 3.14 is needed: see bin/setup.",
    )


def _programs(_state: Path) -> Finding:
    found = find_binaries(os.environ)
    return Finding("PostgreSQL", f"{found.version} from {found.origin} ({found.bin_dir})")


def _space(state: Path) -> Finding:
    place = next(folder for folder in (state, *state.parents) if folder.exists())
    layout = saved_layout(state)
    places = [place]
    if layout is not None and os.access(layout.data, os.X_OK):
        places += [folder for folder in (layout.data, layout.data / "pg_wal") if folder.exists()]
    # The database's data, or its WAL, may be on a disk of its own.
    disks = {folder.stat().st_dev: folder for folder in reversed(places)}
    free = {folder: shutil.disk_usage(folder).free for folder in reversed(disks.values())}
    found = "; ".join(f"{size // _MIB:,} MB free at {folder}" for folder, size in free.items())
    return Finding(
        "disk",
        found,
        failed=min(free.values()) < SPACE_NEEDED,
        advice=f"{SPACE_NEEDED // _MIB} MB are needed.",
    )


def _folder(state: Path) -> Finding:
    place = next(folder for folder in (state, *state.parents) if folder.exists())
    good = os.access(place, os.W_OK | os.X_OK)
    return Finding(
        "state folder",
        str(state),
        failed=not good,
        advice="It can't be written; choose another with THESELLER_STATE.",
    )


def _memory(_state: Path) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    return Finding("memory", f"{total:,} MB", failed=total < 700, advice="About 1 GB is needed.")


def _swap(_state: Path, swaps: Path = Path("/proc/swaps")) -> Finding:
    """Check whether memory may be written to a disk.

    Memory contains keys and tokens. Swap on a plain disk is reported, but is no failure: on a
    laptop its owner decides.
    """
    if not swaps.exists():
        return Finding("swap", "not known on this system", checked=False)
    used = [line.split()[0] for line in swaps.read_text().splitlines()[1:] if line.strip()]
    # Compressed memory stays memory; what goes through the device mapper is, as a rule, encrypted.
    plain = [
        name for name in used if not name.startswith(("/dev/zram", "/dev/dm-", "/dev/mapper/"))
    ]
    if plain:
        return Finding(
            "swap",
            f"on, and not known to be encrypted ({', '.join(plain)}): see docs/operate/secrets.md,"
            " Memory",
        )
    return Finding("swap", "in memory or encrypted" if used else "off")


def _database(state: Path) -> Finding:
    refuse_unfinished_move(state)
    holder = LockFile(control_folder(state) / "lock", "").holder()
    if os.environ.get("DATABASE_URL"):
        return Finding("embedded", "not used: DATABASE_URL names another server", checked=False)
    layout = saved_layout(state)
    if holder is None and layout is not None and os.access(layout.data / "PG_VERSION", os.R_OK):
        check_version(layout, find_binaries(os.environ))
    needed = read_environment_kind(os.environ).guarded and holder is None
    found = f"run by process {holder[0].pid} ({holder[1]})" if holder else "not running"
    return Finding(
        "embedded",
        found,
        failed=needed,
        advice="Start it: `theseller postgres start`.",
        checked=holder is not None,
    )


def _port(port: int, variable: str, *, required: bool) -> Finding:
    if is_free(port):
        return Finding(f"port {port}", "free")
    # A default port in use is no trouble: the demo takes the next one.
    return Finding(
        f"port {port}",
        f"in use by {owner(port) or 'another program'}",
        failed=required,
        advice=f"Choose another with {variable}.",
    )
