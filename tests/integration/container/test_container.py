"""A release with its image, installed and run by podman as docs/operate/container.md says."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.container.machine import (
    OPERATOR,
    SERVICES,
    SETUP,
    VERSION,
    Machine,
    installed,
)

from theseller.postgres.os_processes import wait_until

pytestmark = pytest.mark.exhaustive
#: Finds libraries that are needed and missing, and programs that act as their owner.
_LIBRARIES = """
import os, stat, subprocess
checked = 0
for top in ("/usr", "/opt"):
    for folder, _, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in names):
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_mode & 0o6000:
                print("acts as its owner:", path)
            if open(path, "rb").read(4) == b"\\x7fELF":
                checked += 1
                done = subprocess.run(
                    ["/lib64/ld-linux-x86-64.so.2", "--list", path], capture_output=True, text=True
                )
                if "not found" in done.stdout + done.stderr:
                    print("misses a library:", path, done.stdout)
print("checked", checked)
"""


@pytest.fixture(scope="module")
def machine(release: tuple[Path, Path]) -> Iterator[Machine]:
    """Give a machine on which a release of the working tree was installed and started."""
    with installed(*release) as made:
        assert "✗ configuration" in made.theseller("setup", "--check", status=1)
        said = made.theseller(*SETUP)
        made.password = re.findall(r"first password: (\S+)", said)[0]
        made.theseller("secrets", "put", "lwa-client-secret", given="secret-of-the-test\n")
        made.compose("up", "-d")
        made.wait_until_ready()
        yield made
        made.compose("down", "--timeout", "60")


def test_podman_runs_the_image_that_the_provenance_names(machine: Machine) -> None:
    release = machine.folder / "opt/releases" / VERSION
    statement = json.loads((release / "provenance.json").read_text())
    [image] = statement["predicate"]["runDetails"]["byproducts"]
    [loaded] = json.loads(machine.engine("image", "inspect", image["name"]))
    assert loaded["Digest"] == f"sha256:{image['digest']['sha256']}"
    assert {machine.inspect(name)["Image"] for name in SERVICES} == {loaded["Id"]}
    packages = {
        one["uri"].split("@")[0]
        for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        if one.get("uri", "").startswith("pkg:deb/")
    }
    assert {"pkg:deb/debian/libc6", "pkg:deb/debian/python3.11"} <= packages
    assert loaded["Size"] < 300_000_000


def test_the_installed_files_are_those_of_the_release(machine: Machine) -> None:
    said = machine.theseller("release", "check")
    assert said.startswith("VALID"), said


def test_the_operator_signs_in_at_the_published_port(machine: Machine) -> None:
    cookies: dict[str, str] = {}
    status, page = machine.request("GET", "/sign-in/", cookies)
    assert (status, "<h1>Sign in</h1>" in page) == (200, True)
    [token] = re.findall(r'csrfmiddlewaretoken" value="([^"]+)', page)
    form = {"csrfmiddlewaretoken": token, "email": OPERATOR, "password": machine.password}
    assert machine.request("POST", "/sign-in/", cookies, form)[0] == 302
    assert any("session" in name for name in cookies)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_rights_and_writes_only_to_its_folders(
    machine: Machine, name: str
) -> None:
    status = machine.shell(name, "cat /proc/1/status")
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(found[one], 16) for one in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {
        0
    }
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert set(found["Uid"].split()) == {"10001"}
    for path in ("/x", "/etc/x", "/usr/x", "/opt/theseller/.venv/x", "/etc/theseller/x"):
        said = machine.shell(name, f"touch {path} || true")
        assert "Read-only file system" in said, said
    assert machine.shell(name, "touch /tmp/x /var/lib/theseller/x; rm /var/lib/theseller/x") == ""


def test_the_database_has_no_route_to_other_hosts(machine: Machine) -> None:
    routes = machine.shell("database", "cat /proc/net/route").splitlines()[1:]
    assert all(line.split()[1:3:1] != ["00000000"] for line in routes)
    gateways = {line.split()[2] for line in routes}
    assert gateways == {"00000000"}  # its own network only
    outgoing = machine.shell("worker", "cat /proc/net/route").splitlines()[1:]
    assert any(line.split()[2] != "00000000" for line in outgoing)


def test_no_library_is_missing_and_no_program_acts_as_its_owner(machine: Machine) -> None:
    said = machine.engine("exec", "theseller-worker", "python", "-c", _LIBRARIES).splitlines()
    *problems, last = said
    assert problems == []
    assert int(last.split()[1]) > 200


def test_a_backup_is_taken_and_restored_as_a_test(machine: Machine) -> None:
    assert "drill: passed" in machine.theseller("backup", "now")
    assert list((machine.folder / "backups").iterdir())


def test_killed_processes_start_again_and_nothing_is_lost(machine: Machine) -> None:
    before = {name: machine.inspect(name)["State"]["Pid"] for name in SERVICES}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def all_started_again() -> bool:
        states = {name: machine.inspect(name)["State"] for name in SERVICES}
        return all(one["Running"] and one["Pid"] != before[name] for name, one in states.items())

    assert wait_until(all_started_again, 300, step=1.0)
    machine.wait_until_ready()
    assert OPERATOR in machine.theseller("operator", "list")


def test_health_checks_pass_and_fail_with_what_they_check(machine: Machine) -> None:
    machine.wait_until_ready()
    for name in ("web", "database"):
        machine.engine("healthcheck", "run", f"theseller-{name}")
    machine.engine("stop", "--time", "60", "theseller-database")
    done = machine.engine("healthcheck", "run", "theseller-web", check=False)
    assert "unhealthy" in done
    machine.engine("start", "theseller-database")
    machine.wait_until_ready()


def test_a_database_of_another_container_is_seen_and_not_stopped(machine: Machine) -> None:
    said = machine.theseller("postgres", "status")
    assert "running: yes" in said
    assert "in another container" in said
    machine.theseller("postgres", "stop", status=1)
    assert machine.inspect("worker")["State"]["Running"]
