"""Preparation of the demo: its lock, ports and environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from theseller.cli.demo_amazon_application import APPLICATION_ID, CLIENT_ID, write_application
from theseller.cli.demo_nginx import EdgePorts
from theseller.cli.deployment_secrets import ensure_secrets
from theseller.cli.errors import CommandError
from theseller.cli.supervisor import stop_orphans
from theseller.cli.tcp_ports import choose_port, is_free, parse_port
from theseller.config.environment import TRAFFIC_REPORTS_MAX, read_restricted_roles
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.os_processes import wait_until
from theseller.postgres.server import make_folder

WEB_PORT, EMULATOR_PORT = 8100, 8101
EDGE_PORT, EDGE_HTTP_PORT = 8443, 8480


@dataclass(frozen=True, slots=True)
class DemoPorts:
    """TCP ports of the web process, the emulator and an edge."""

    web: int
    emulator: int
    edge: EdgePorts | None = None

    @property
    def public_url(self) -> str:
        """Return the address that browsers use."""
        return f"https://{self.edge.authority}" if self.edge else f"http://127.0.0.1:{self.web}"


def demo_lock(state: Path) -> LockFile:
    """Return the lock that a running demo of this state folder has."""
    return LockFile(state / "processes" / "lock", "theseller demo")


def take_lock(state: Path, say: Callable[[str], None]) -> tuple[LockFile, int]:
    """Take the demo's lock and stop what a killed demo left running.

    Returns:
        The lock, and how many processes a killed demo had left.

    Raises:
        CommandError: a demo of this state folder runs already, with its address.
    """
    for name in ("processes", "log"):
        make_folder(state / name, 0o700)
    lock = demo_lock(state)
    if not lock.acquire():
        raise CommandError(
            f"The demo is already running{running_demo(state)}.",
            "Use that one, or stop it with Ctrl-C where it runs.",
        )
    try:
        return lock, stop_orphans(state / "processes", say)
    except BaseException:
        lock.release()
        raise


def running_demo(state: Path) -> str:
    """Return the process and address of the running demo, for a message.

    Each part is left out if it is not known.
    """
    holder = demo_lock(state).holder()
    who = f" as process {holder[0].pid}" if holder else ""
    try:
        return f"{who} at {json.loads((state / 'processes' / 'demo.json').read_text())['web']}"
    except (OSError, ValueError, KeyError):
        return who


def choose_ports(
    environ: Mapping[str, str],
    say: Callable[[str], None],
    *,
    patience: float,
    edge: bool = False,
) -> DemoPorts:
    """Return free ports, and report each that is not the default.

    Args:
        environ: its THESELLER_PORT, THESELLER_EMULATOR_PORT, THESELLER_EDGE_PORT and
            THESELLER_EDGE_HTTP_PORT name the ports to use.
        say: is called with a message about a port that is taken.
        patience: seconds to wait for a port that a killed demo's program may be about to free.
        edge: whether the edge needs ports, too.

    Raises:
        CommandError: a port that a variable names is not free.
    """
    wanted = [("THESELLER_PORT", WEB_PORT), ("THESELLER_EMULATOR_PORT", EMULATOR_PORT)]
    if edge:
        wanted += [
            ("THESELLER_EDGE_PORT", EDGE_PORT),
            ("THESELLER_EDGE_HTTP_PORT", EDGE_HTTP_PORT),
        ]
    chosen: list[int] = []
    for variable, usual in wanted:
        chosen.append(_choose(environ, variable, usual, say, patience, frozenset(chosen)))
    web, emulator, *rest = chosen
    return DemoPorts(web, emulator, EdgePorts(*rest) if edge else None)


def demo_environ(environ: Mapping[str, str], state: Path, ports: DemoPorts) -> dict[str, str]:
    """Return the environment of the demo's programs.

    It writes the emulator's application and the demo's addresses. The demo's Amazon is faster than
    Amazon, so traffic reports are requested as often as the setting allows.
    """
    web, emulator = ports.public_url, f"http://127.0.0.1:{ports.emulator}"
    edge = {"THESELLER_TRUSTED_PROXIES": "127.0.0.1"} if ports.edge else {}
    write_application(state, web, ensure_secrets(state), read_restricted_roles(environ))
    (state / "processes" / "demo.json").write_text(
        json.dumps({"web": web, "emulator": emulator}) + "\n"
    )
    # The demo's database is its own: a DATABASE_URL in this shell is meant for something else.
    kept = {
        name: value
        for name, value in environ.items()
        if name not in {"DATABASE_URL", "THESELLER_ROLE", "DJANGO_SETTINGS_MODULE"}
    }
    return (
        kept
        | edge
        | {
            "PYTHONUNBUFFERED": "1",
            "THESELLER_TRAFFIC_REPORTS_PER_DAY": str(TRAFFIC_REPORTS_MAX),
            "THESELLER_ENV": "demo",
            "THESELLER_STATE": str(state),
            "THESELLER_PUBLIC_URL": web,
            "THESELLER_AMAZON": f"emulator:{emulator}",
            "THESELLER_LWA_CLIENT_ID": CLIENT_ID,
            "THESELLER_APPLICATION_ID": APPLICATION_ID,
        }
    )


def _choose(
    environ: Mapping[str, str],
    variable: str,
    usual: int,
    say: Callable[[str], None],
    patience: float,
    taken: frozenset[int],
) -> int:
    given = environ.get(variable, "")
    wanted = parse_port(given, variable) if given else usual
    wait_until(lambda: is_free(wanted), patience)
    port, remark = choose_port(wanted, fixed=bool(given), variable=variable, taken=taken)
    if remark:
        say(remark)
    return port
