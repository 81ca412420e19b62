"""`theseller demo`: run a complete deployment on this machine.

Database, emulated Amazon, web, worker and demo users.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from theseller.cli.demo_nginx import DemoEdge, find_nginx
from theseller.cli.demo_start_preparation import (
    DemoPorts,
    choose_ports,
    demo_environ,
    take_lock,
)
from theseller.cli.demo_start_text import OPERATOR, Address, Person, start_screen
from theseller.cli.embedded_server_preparation_and_roles import apply_roles, embedded_server
from theseller.cli.errors import OK, CommandError
from theseller.cli.state_folders import make_state_folder, state_folder
from theseller.cli.supervisor import DatabaseService, Program, StopRequestedError, Supervisor
from theseller.cli.tcp_ports import answers
from theseller.config.environment import EnvironmentKind, read_environment_kind
from theseller.lib import clock

HELP = "run a demo on this machine with an emulated Amazon; Ctrl-C stops it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the emulator's rate limits and its recipient data."""
    parser.add_argument(
        "--rate-scale",
        default="20",
        help="multiply the emulator's rate limits by this factor (default 20)",
    )
    parser.add_argument(
        "--people",
        choices=("plausible", "canaries"),
        default="plausible",
        help="recipient data of the emulated orders: realistic names, or canary values",
    )
    parser.add_argument(
        "--edge",
        action="store_true",
        help="put nginx with the web application firewall in front, over HTTPS",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C; its data stays in the state folder.

    Raises:
        CommandError: this is no demo, or a program did not start.
    """
    begun = time.monotonic()
    if read_environment_kind(os.environ) is not EnvironmentKind.DEMO:
        raise CommandError(
            "THESELLER_ENV says that this is not a demo; nothing was started.",
            "Unset THESELLER_ENV if you mean a demo.",
        )
    state = state_folder(os.environ)
    nginx = find_nginx(os.environ) if args.edge else ""
    make_state_folder(state)
    lock, left = take_lock(state, say)
    supervisor = Supervisor(say)
    edge: DemoEdge | None = None
    with supervisor.signals():
        try:
            ports = choose_ports(os.environ, say, patience=3.0 if left else 0.0, edge=args.edge)
            emulator = ["--rate-scale", args.rate_scale, "--people", args.people]
            people = _bring_up(state, ports, supervisor, emulator)
            if ports.edge:
                edge = DemoEdge(state, nginx, ports.edge, backend=ports.web)
                with _Timed("edge"):
                    supervisor.start(edge.program(state, os.environ, at=clock.now()))
            authority = edge.authority_file if edge else None
            address = Address(ports.public_url, ports.emulator, state, authority)
            print(start_screen(address, people, seconds=time.monotonic() - begun), flush=True)
            supervisor.watch()
        except StopRequestedError:
            say("stopping (press Ctrl-C again to stop at once)")
        finally:
            supervisor.stop()
            if edge:
                edge.remove_files()
            lock.release()
    say(f"stopped; the data is kept in {state}")
    return OK


def _bring_up(
    state: Path, ports: DemoPorts, supervisor: Supervisor, emulator_options: list[str]
) -> list[Person]:
    server = embedded_server(state, purpose="theseller demo", say=say)
    environ = demo_environ(os.environ, state, ports)
    programs = _programs(state, ports, environ, emulator_options)
    with _Timed("PostgreSQL"):
        supervisor.start(DatabaseService(server))
        apply_roles(server)
    with _Timed("tables and grants"):
        _step([sys.executable, "-m", "theseller.cli.main", "migrate", "--quiet"], environ)
    for program in programs:
        with _Timed(program.name):
            supervisor.start(program)
    with _Timed("people"):
        answer = _step(
            [sys.executable, "-m", "theseller.cli.main", "demo-accounts", "--json"], environ
        )
        _step([sys.executable, "-m", "theseller.cli.main", "operator", "add", OPERATOR], environ)
    return [Person(**one) for one in json.loads(answer)]


def _programs(
    state: Path, ports: DemoPorts, environ: dict[str, str], emulator_options: list[str]
) -> list[Program]:
    processes, logs = state / "processes", state / "log"
    python = sys.executable
    emulator = [
        python, "-m", "theseller.emulator", "serve", "--host", "127.0.0.1",
        "--port", str(ports.emulator), "--state", str(state / "emulator"),
        "--application", str(state / "emulator" / "application.json"), *emulator_options,
    ]  # fmt: skip
    command = [python, "-m", "theseller.cli.main"]
    return [
        Program(
            "emulated-amazon",
            emulator,
            processes,
            logs / "emulator.log",
            environ,
            lambda: answers(ports.emulator, "/"),
        ),
        Program(
            "web",
            [*command, "serve", "--port", str(ports.web)],
            processes,
            logs / "web.log",
            environ,
            lambda: answers(ports.web, "/healthz"),
        ),
        Program("worker", [*command, "worker"], processes, logs / "worker.log", environ),
    ]


def _step(command: list[str], environ: dict[str, str]) -> str:
    """Run one command to its end and return what it printed.

    Raises:
        CommandError: it failed, with the message and advice that it printed.
    """
    answer = subprocess.run(  # noqa: S603 - our own command
        command, env=environ, capture_output=True, text=True, check=False
    )
    if answer.returncode == 0:
        return answer.stdout
    message, _, advice = answer.stderr.strip().partition("\n")
    raise CommandError(
        message.removeprefix("theseller ") or f"{command[3]} failed.", advice.strip()
    )


class _Timed:
    """Say what took how long, on one line."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            say(f"{self._what} ready in {time.monotonic() - self._begun:.1f} s")


def say(sentence: str) -> None:
    """Print a message of the demo."""
    # A terminal that was closed must not keep us from stopping what we started.
    with contextlib.suppress(OSError):
        print(f"demo: {sentence}", flush=True)
