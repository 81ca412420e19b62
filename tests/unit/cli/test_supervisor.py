"""The supervisor with tiny programs: order, restarts, patience, haste, orphans."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from theseller.cli import supervisor as module
from theseller.cli.errors import CommandError
from theseller.cli.supervisor import (
    Program,
    StopRequestedError,
    Supervisor,
    describe_exit,
    stop_orphans,
)
from theseller.postgres.os_processes import ProcessMark, process_mark, start_time, wait_until

SLEEP = "import time; time.sleep(600)"
READY_THEN_SLEEP = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
# Touches its file once it is deaf, so that a test can't be faster than it.
DEAF = (
    "import signal, sys, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
)
ENDS = "import sys; print('what it said last'); sys.exit(3)"
# A parent whose child outlives it unless its whole group is ended.
PARENT = (
    "import subprocess, sys, time, pathlib; c = subprocess.Popen([sys.executable, '-c', 'import"
    " time; time.sleep(600)']); pathlib.Path(sys.argv[1]).write_text(str(c.pid)); time.sleep(600)"
)


class Stage:
    """A folder, what was said, and programs that are stopped whatever a test does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor(self.said.append, patience=5.0)
        self.programs: list[Program] = []

    def program(self, name: str, code: str, *, waits: bool = False) -> Program:
        flag = self.folder / f"{name}.flag"
        made = Program(
            name,
            [sys.executable, "-S", "-c", code, str(flag)],
            self.folder,
            self.folder / f"{name}.log",
            {"PATH": os.environ["PATH"]},
            flag.exists if waits else (lambda: True),
            start_patience=20.0,
        )
        self.programs.append(made)
        return made

    def pid(self, program: Program) -> int:
        found = ProcessMark.load(program.mark_file)
        assert found is not None
        return found.pid


def interrupt_ourselves() -> bool:
    os.kill(os.getpid(), signal.SIGINT)
    return False


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.05)
    made = Stage(tmp_path)
    yield made
    for program in made.programs:
        program.kill()
        program.close()


def test_supervisor_stops_services_in_reverse_order_and_removes_pid_files(stage: Stage) -> None:
    names = ["first", "second", "third"]
    programs = [stage.program(name, READY_THEN_SLEEP, waits=True) for name in names]
    for program in programs:
        stage.supervisor.start(program)
    pids = [stage.pid(program) for program in programs]
    stage.supervisor.stop()
    assert [line.split()[1] for line in stage.said] == names[::-1]
    assert all(start_time(pid) is None for pid in pids)
    assert list(stage.folder.glob("*.pid")) == []


def test_a_service_that_exits_is_started_again_with_a_message(stage: Stage) -> None:
    program = stage.program("web", SLEEP)
    stage.supervisor.start(program)
    first = stage.pid(program)
    os.kill(first, signal.SIGKILL)
    stage.supervisor.watch(until=lambda: any("is running again" in line for line in stage.said))
    assert stage.pid(program) != first
    assert stage.said[0] == "web ended (killed by SIGKILL); starting it again in 0.05 s"
    stage.supervisor.stop()


def test_a_service_waits_for_those_it_depends_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, web = stage.program("database", SLEEP), stage.program("web", SLEEP)
    stage.supervisor.start(database)
    stage.supervisor.start(web)
    pids = [stage.pid(program) for program in (database, web)]
    os.kill(pids[1], signal.SIGKILL)
    assert wait_until(lambda: start_time(pids[1]) is None, 60.0)
    stage.supervisor.watch(until=lambda: bool(stage.said))
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.5)
    os.kill(pids[0], signal.SIGKILL)
    assert wait_until(lambda: start_time(pids[0]) is None, 60.0)
    stage.supervisor.watch(
        until=lambda: sum("is running again" in line for line in stage.said) == 2
    )
    assert [line.split()[0] for line in stage.said] == ["web", "database", "database", "web"]
    stage.supervisor.stop()


def test_a_service_that_keeps_exiting_is_restarted_at_longer_intervals(stage: Stage) -> None:
    program = stage.program("web", ENDS)
    stage.supervisor.start(program)
    stage.supervisor.watch(until=lambda: sum("ended" in line for line in stage.said) == 3)
    pauses = [float(line.split()[-2]) for line in stage.said if "ended" in line]
    assert pauses == [0.05, 0.1, 0.2]
    stage.supervisor.stop()


def test_failed_first_start_shows_the_last_output_of_the_program(stage: Stage) -> None:
    with pytest.raises(CommandError, match=r"web ended while starting \(exit status 3\)") as caught:
        stage.supervisor.start(stage.program("web", ENDS, waits=True))
    assert "what it said last" in caught.value.advice
    stage.supervisor.stop()


def test_a_service_that_ignores_sigterm_is_killed_after_the_grace_period(stage: Stage) -> None:
    hasty = Supervisor(stage.said.append, patience=0.2)
    deaf = stage.program("deaf", DEAF, waits=True)
    hasty.start(deaf)
    pid = stage.pid(deaf)
    hasty.stop()
    assert start_time(pid) is None
    assert "(at once)" in stage.said[-1]


def test_a_first_signal_stops_and_a_second_one_kills(stage: Stage) -> None:
    patient = Supervisor(stage.said.append, patience=600.0)
    before = signal.getsignal(signal.SIGINT)  # a build server's may be ignored
    with patient.signals():
        patient.start(stage.program("deaf", DEAF, waits=True))
        patient.start(stage.program("also", DEAF, waits=True))
        with pytest.raises(StopRequestedError):
            patient.watch(until=interrupt_ourselves)
        again = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        again.start()
        patient.stop()
        again.join()
    assert [line.split()[1] for line in stage.said] == ["also", "deaf"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_closed_terminal_keeps_nothing_running(stage: Stage) -> None:
    def broken(_sentence: str) -> None:
        raise BrokenPipeError

    deaf_to_us = Supervisor(broken)
    programs = [stage.program(name, READY_THEN_SLEEP, waits=True) for name in ("first", "second")]
    for program in programs:
        deaf_to_us.start(program)
    pids = [stage.pid(program) for program in programs]
    deaf_to_us.stop()
    assert all(start_time(pid) is None for pid in pids)


def test_supervisor_stop_ends_child_processes_of_a_service(stage: Stage) -> None:
    parent = stage.program("parent", PARENT, waits=True)
    stage.supervisor.start(parent)
    flag = stage.folder / "parent.flag"
    assert wait_until(lambda: flag.read_text() != "", 60.0)
    grandchild = process_mark(int(flag.read_text()))
    assert grandchild is not None
    stage.supervisor.stop()
    assert wait_until(lambda: not grandchild.alive(), 60.0)


def test_orphans_of_a_killed_supervisor_are_stopped(stage: Stage) -> None:
    orphan = stage.program("worker", READY_THEN_SLEEP, waits=True)
    orphan.start()
    pid = stage.pid(orphan)
    said: list[str] = []
    assert stop_orphans(stage.folder, said.append) == 1
    assert start_time(pid) is None
    assert said == [f"stopping worker (process {pid}), left by a run that was killed"]
    assert stop_orphans(stage.folder, said.append) == 0


def test_stop_orphans_ignores_a_pid_reused_by_another_process(stage: Stage) -> None:
    bystander = stage.program("bystander", READY_THEN_SLEEP, waits=True)
    bystander.start()
    pid = stage.pid(bystander)
    ProcessMark(pid, "another time").save(stage.folder / "worker.pid")
    bystander.mark_file.unlink()
    said: list[str] = []
    stop_orphans(stage.folder, said.append)
    assert said == []
    assert start_time(pid) is not None


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit status 0"), (-9, "killed by SIGKILL"), (-200, "exit status -200")],
)
def test_exit_codes_have_messages(status: int, words: str) -> None:
    assert describe_exit(status) == words
