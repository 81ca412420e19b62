"""The command line around the commands: discovery, failures, ports, folders, the demo's screen."""

from __future__ import annotations

import argparse
import errno
import inspect
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg_pool import AsyncConnectionPool
from tests.demo_deployment import ROOT

from theseller.cli import main as entry
from theseller.cli import tcp_ports
from theseller.cli.commands import demo_reset, doctor
from theseller.cli.demo_start_preparation import (
    choose_ports,
    demo_environ,
    demo_lock,
    take_lock,
)
from theseller.cli.demo_start_text import Address, Person, start_screen
from theseller.cli.deployment_secrets import secret_config
from theseller.cli.errors import CommandError
from theseller.cli.state_folders import is_state_folder, make_state_folder, state_folder
from theseller.config.concurrency_defaults import (
    QUEUE_POOLED,
    WEB_PROCESSES,
    WEB_THREADS,
    WORKER_JOBS,
    connections_of_deployment,
)
from theseller.config.database_settings import connections_max, database_settings
from theseller.config.environment import ProcessRole, read_environment
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.root_keys import new_root_key
from theseller.erasure.exclusive_erasure import ErasureLock
from theseller.postgres.errors import ServerFailedError


class Stub:
    HELP = "a command that does what the test sets"

    def __init__(self, act: Callable[[], int]) -> None:
        self.act = act

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--number", type=int)

    def run(self, _args: argparse.Namespace) -> int:
        return self.act()


def run_stub(monkeypatch: pytest.MonkeyPatch, error: BaseException | None, *arguments: str) -> int:
    def act() -> int:
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(entry, "discover", lambda *_named: {"stub": Stub(act)})
    return entry.main(["stub", *arguments])


def test_expected_commands_are_discovered_with_a_help_text() -> None:
    found = entry.discover()
    assert {
        "demo",
        "demo-accounts",
        "demo-reset",
        "doctor",
        "migrate",
        "postgres",
        "serve",
        "worker",
    } <= set(found)
    assert all(command.HELP for command in found.values())


#: What asks at a terminal, runs until it is stopped, or only acts: it has nothing to tell a program
#: but its exit status. And what prints SQL.
WITHOUT_JSON = {
    "audit accept-copy", "audit record-restore", "audit seal", "database fingerprint",
    "database move", "database recover", "demo", "demo-reset", "emulator", "mail allow",
    "mail bounced", "mail retry", "mail test", "migrate",
    "operator add", "operator code", "operator remove", "operator reset-factors", "postgres administrator-sql",
    "postgres psql-as", "postgres start", "postgres stop", "postgres upgrade", "prober add", "prober remove", "replay-erasures", "restore", "secrets bundle",
    "secrets fill", "secrets put", "serve", "setup", "state import", "state new-key", "worker",
}  # fmt: skip


def _leaves(parser: argparse.ArgumentParser, name: str = "") -> dict[str, argparse.ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    found = {} if below else {name: parser}
    for action in below:
        for word, sub in action.choices.items():
            found |= _leaves(sub, f"{name} {word}".strip())
    return found


def test_every_command_with_output_has_a_json_option() -> None:
    leaves = _leaves(entry.build_parser())
    assert {
        name for name, parser in leaves.items() if "--json" not in parser._option_string_actions
    } == WITHOUT_JSON


def test_the_json_option_may_precede_or_follow_a_subcommand() -> None:
    parser = entry.build_parser()
    for arguments in (
        ["backup", "--json", "list"],
        ["backup", "list", "--json"],
        ["backup", "--json"],
    ):
        assert parser.parse_args(arguments).json
    assert not parser.parse_args(["backup", "list"]).json


def test_the_connections_that_doctor_counts_are_those_of_the_pools(tmp_path: Path) -> None:
    """The pools' sizes, the processes' defaults and the number in the documentation are the same."""
    environ = {
        "THESELLER_STATE": str(tmp_path),
        "THESELLER_ENV": "demo",
        "THESELLER_AMAZON": "emulator:http://127.0.0.1:1",
    }
    most = 0
    for role, threads, processes in (
        (ProcessRole.WEB, WEB_THREADS, WEB_PROCESSES),
        (ProcessRole.WORKER, WORKER_JOBS, 1),
    ):
        environment = read_environment(
            environ | {"THESELLER_ROLE": role.value}, default_state=tmp_path
        )
        found = database_settings(environment, FileSecretProvider(tmp_path))
        pools = [one["OPTIONS"].get("pool", {"max_size": threads}) for one in found.values()]
        assert connections_max(role, threads) == sum(
            min(threads, pool["max_size"]) for pool in pools
        )
        assert connections_max(role, 1_000) >= sum(pool["max_size"] for pool in pools)
        most += processes * connections_max(role, threads)
    queue = inspect.signature(AsyncConnectionPool).parameters["min_size"].default
    assert queue == QUEUE_POOLED
    assert connections_of_deployment() == most + QUEUE_POOLED + 1 + len(ErasureLock)
    settings_page = (ROOT / "docs" / "operate" / "settings.md").read_text()
    assert (
        f"two web processes and a worker take up to {connections_of_deployment()};" in settings_page
    )


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (None, 0, ""),
        (
            CommandError("the port is taken.", "Choose another."),
            1,
            "the port is taken.\n  Choose another.",
        ),
        (CommandError("no such file", status=2), 2, "no such file"),
        (
            ServerFailedError("it did not start.", "Read its log."),
            1,
            "it did not start.\n  Read its log.",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, "the disk is full: /x/y"),
        (PermissionError(errno.EACCES, "denied", "/x/y"), 1, "no permission: /x/y"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_print_one_message(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    status: int,
    words: str,
) -> None:
    assert run_stub(monkeypatch, error) == status
    assert words in capsys.readouterr().err


def test_unexpected_error_message_contains_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_stub(monkeypatch, ValueError("invalid literal: 'Jane Buyer'")) == 1
    said = capsys.readouterr().err
    assert "Jane" not in said
    assert "ValueError at test_commands.py:" in said
    assert "--debug" in said


@pytest.mark.parametrize("arguments", [["--debug", "stub"], ["stub", "--debug"]])
def test_debug_option_prints_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    def act() -> int:
        raise ValueError("what")

    monkeypatch.setattr(entry, "discover", lambda *_named: {"stub": Stub(act)})
    assert entry.main(arguments) == 1
    assert "Traceback" in capsys.readouterr().err


def test_invalid_command_argument_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_stub(monkeypatch, None, "--number", "x")
    assert caught.value.code == 2
    assert "invalid int" in capsys.readouterr().err


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that is in use (by us), and the next two free."""
    taken = 41000
    monkeypatch.setattr(tcp_ports, "is_free", lambda port: port != taken)
    monkeypatch.setattr(tcp_ports, "owner", lambda _port: "process 7 (nginx)")
    return taken


def test_a_busy_port_is_replaced_with_a_message_unless_it_was_requested(busy: int) -> None:
    assert tcp_ports.choose_port(busy + 1, fixed=True, variable="X") == (busy + 1, "")
    port, remark = tcp_ports.choose_port(
        busy, fixed=False, variable="THESELLER_PORT", taken=frozenset({busy + 1})
    )
    assert port == busy + 2
    assert (
        remark == f"port {busy} is in use by process 7 (nginx); using {busy + 2} (choose with"
        " THESELLER_PORT)"
    )
    with pytest.raises(CommandError, match=r"in use by process 7 \(nginx\)") as caught:
        tcp_ports.choose_port(busy, fixed=True, variable="THESELLER_PORT")
    assert "THESELLER_PORT=" in caught.value.advice


@pytest.mark.enable_socket
def test_a_really_busy_port_is_seen_with_its_owner() -> None:
    with socket.socket() as listener:
        listener.bind((tcp_ports.LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not tcp_ports.is_free(port)
        assert str(os.getpid()) in (tcp_ports.owner(port) or "")
    assert tcp_ports.is_free(port)
    assert not tcp_ports.answers(port, "/")


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1"])
def test_invalid_port_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="between 1 and 65535"):
        tcp_ports.parse_port(text, "THESELLER_PORT")


def test_folder_with_other_files_is_refused_as_state_folder(tmp_path: Path) -> None:
    state = state_folder({"THESELLER_STATE": str(tmp_path / "new")})
    make_state_folder(state)
    make_state_folder(state)
    assert is_state_folder(state)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(CommandError, match="not a state folder"):
        make_state_folder(tmp_path / "mine")


def test_reset_deletes_only_what_is_ours_and_only_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THESELLER_ENV", raising=False)
    state = tmp_path / "state"
    monkeypatch.setenv("THESELLER_STATE", str(state))
    assert demo_reset.run(argparse.Namespace()) == 0
    state.mkdir()
    (state / "file").touch()
    with pytest.raises(CommandError, match="nothing is deleted"):
        demo_reset.run(argparse.Namespace())
    (state / "file").unlink()
    make_state_folder(state)
    lock, _ = take_lock(state, lambda _: None)
    with pytest.raises(CommandError, match="The demo is running as process"):
        demo_reset.run(argparse.Namespace())
    lock.release()
    assert demo_reset.run(argparse.Namespace()) == 0
    assert not state.exists()


@pytest.mark.parametrize("kind", ["production", "staging"])
def test_reset_deletes_no_folder_of_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Refuse by the mark in the folder, whatever the shell says.

    A folder with an empty mark is deleted only if its root key is a demo's.
    """
    state = tmp_path / "state"
    monkeypatch.setenv("THESELLER_STATE", str(state))
    monkeypatch.setenv("THESELLER_ENV", kind)
    make_state_folder(state)
    (state / "secrets").mkdir()
    (state / "secrets" / "root-key").write_text(new_root_key(kind).reveal())
    with pytest.raises(CommandError, match=f"this is {kind}; nothing is deleted"):
        demo_reset.run(argparse.Namespace())
    monkeypatch.delenv("THESELLER_ENV")
    for marker in (f"{kind}\n", ""):
        (state / ".theseller-state").write_text(marker)
        with pytest.raises(
            CommandError,
            match=f"belongs to the environment '{kind}', and this process runs as 'demo'",
        ):
            demo_reset.run(argparse.Namespace())
        with pytest.raises(CommandError, match=f"belongs to the environment '{kind}'"):
            make_state_folder(state)
    (state / "secrets" / "root-key").unlink()
    with pytest.raises(CommandError, match="nothing in it shows that it belongs to a demo"):
        demo_reset.run(argparse.Namespace())
    with pytest.raises(CommandError, match="nothing in it shows that it belongs to a demo"):
        make_state_folder(state)
    assert sorted(path.name for path in state.iterdir()) == [".theseller-state", "secrets"]
    (state / "secrets" / "root-key").write_text(new_root_key("demo").reveal())
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/real")
    with pytest.raises(
        CommandError, match="external database, which no demo has; nothing is deleted"
    ):
        demo_reset.run(argparse.Namespace())
    monkeypatch.delenv("DATABASE_URL")
    assert demo_reset.run(argparse.Namespace()) == 0
    assert not state.exists()


def test_reset_refuses_while_any_process_works_on_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuse by the mark that processes hold.

    Web and worker of a service manager have no lock of the demo's; they hold the mark, through an
    exec too.
    """
    monkeypatch.delenv("THESELLER_ENV", raising=False)
    state = tmp_path / "state"
    monkeypatch.setenv("THESELLER_STATE", str(state))
    make_state_folder(state)
    code = (
        "import os, sys; from pathlib import Path; from theseller.cli.state_folder_locks"
        " import lock_state_folder;lock_state_folder(Path(sys.argv[1]),"
        " inheritable=True);os.execv(sys.executable, [sys.executable, '-c', 'import sys; print(1,"
        " flush=True); sys.stdin.read()'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        with pytest.raises(CommandError, match=r"works on .*; nothing is deleted"):
            demo_reset.run(argparse.Namespace())
        assert is_state_folder(state)
        process.communicate()
    assert demo_reset.run(argparse.Namespace()) == 0


def test_a_folder_is_of_one_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THESELLER_ENV", "staging")
    make_state_folder(tmp_path / "state")
    assert (tmp_path / "state" / ".theseller-state").read_text() == "staging\n"
    monkeypatch.setenv("THESELLER_ENV", "production")
    monkeypatch.setenv("THESELLER_ALLOW_FILE_SECRETS", "yes")
    with pytest.raises(
        CommandError,
        match="belongs to the environment 'staging', and this process runs as 'production'",
    ):
        secret_config(tmp_path / "state")


def test_reset_refuses_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THESELLER_ENV", "production")
    monkeypatch.setenv("THESELLER_STATE", str(tmp_path))
    with pytest.raises(CommandError, match="production"):
        demo_reset.run(argparse.Namespace())


def test_second_demo_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    lock, left = take_lock(tmp_path, lambda _: None)
    assert left == 0
    (tmp_path / "processes" / "demo.json").write_text(json.dumps({"web": "http://127.0.0.1:8100"}))
    with pytest.raises(CommandError, match=rf"process {os.getpid()} at http://127\.0\.0\.1:8100"):
        take_lock(tmp_path, lambda _: None)
    lock.release()
    assert demo_lock(tmp_path).holder() is None


def test_demo_environment_has_its_own_secrets_and_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theseller.cli.demo_start_preparation.is_free", lambda _port: True)
    monkeypatch.setattr(tcp_ports, "is_free", lambda _port: True)
    (tmp_path / "processes").mkdir()
    given = {
        "DATABASE_URL": "postgresql://elsewhere/real",
        "THESELLER_ROLE": "migrate",
        "THESELLER_PORT": "8300",
        "KEPT": "yes",
    }
    chosen = choose_ports(given, lambda _: None, patience=0.0)
    environ = demo_environ(given, tmp_path, chosen)
    assert (chosen.web, chosen.emulator) == (8300, 8101)
    assert "DATABASE_URL" not in environ
    assert "THESELLER_ROLE" not in environ
    assert environ["THESELLER_PUBLIC_URL"] == "http://127.0.0.1:8300"
    assert environ["THESELLER_AMAZON"] == "emulator:http://127.0.0.1:8101"
    assert environ["KEPT"] == "yes"
    application = tmp_path / "emulator" / "application.json"
    assert stat.S_IMODE(application.stat().st_mode) == 0o600
    assert json.loads(application.read_text())["client_secrets"] == [
        (tmp_path / "secrets" / "lwa-client-secret").read_text().strip()
    ]


def test_demo_screen_fits_a_small_terminal(tmp_path: Path) -> None:
    people = [
        Person(
            name,
            f"{name.lower()}@example.com",
            "a-password-as-long-as-they-are-" + "x" * 12,
            "owner of a shop",
        )
        for name in ("Alice", "Bob", "Charlie")
    ]
    people.append(
        Person(
            "Olga",
            "olga@example.com",
            "a-password-as-long-as-they-are-" + "x" * 12,
            "operates",
            app="A" * 32,
        )
    )
    shown = start_screen(Address("http://127.0.0.1:8100", 8101, tmp_path), people, seconds=1.25)
    assert len(shown.splitlines()) <= 24
    assert max(len(line.replace(str(tmp_path), "")) for line in shown.splitlines()) <= 110
    for word in (
        "http://127.0.0.1:8100/",
        "8101",
        "alice@example.com",
        str(tmp_path),
        "Ctrl-C",
        "make demo-reset",
        "1.2 s",
        "A" * 32,
    ):
        assert word in shown


def test_doctor_exits_1_and_reports_missing_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THESELLER_STATE", str(tmp_path))
    monkeypatch.setattr(doctor, "is_free", lambda _port: True)
    assert doctor.run(argparse.Namespace()) == 0
    monkeypatch.setenv("THESELLER_PG_BIN", str(tmp_path))
    monkeypatch.setattr(doctor, "SPACE_NEEDED", 2**62)
    assert doctor.run(argparse.Namespace()) == 1
    said = capsys.readouterr().out
    assert "has no postgres" in said
    assert "are needed" in said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "off"),
        ("/dev/zram0 partition 1 0 5\n", "in memory or encrypted"),
        ("/dev/dm-2 partition 1 0 5\n", "in memory or encrypted"),
        (
            "/dev/zram0 partition 1 0 5\n/swapfile file 1 0 -2\n",
            "not known to be encrypted (/swapfile)",
        ),
    ],
)
def test_doctor_reports_whether_swap_is_on_disk(tmp_path: Path, lines: str, said: str) -> None:
    swaps = tmp_path / "swaps"
    swaps.write_text(f"Filename Type Size Used Priority\n{lines}")
    assert said in doctor._swap(tmp_path, swaps).found
    assert "not known on this" in doctor._swap(tmp_path, tmp_path / "none").found
