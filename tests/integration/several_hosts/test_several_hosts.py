"""Two web and two worker hosts against one PostgreSQL over TLS, each with a folder of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.several_hosts.deployment import WEBS, WORKERS, Site, site

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def built() -> Iterator[Site]:
    with site() as found:
        yield found


@pytest.fixture
def served(built: Site) -> Site:
    """The deployment with everything running, and each host configured alike."""
    for name, host in built.hosts.items():
        kind = "serve" if name in WEBS else "worker"
        host.environ.pop("THESELLER_RESTRICTED_ROLES", None)
        host.environ["THESELLER_SECRET_PROVIDER"] = "vault"
        if kind not in host.processes:
            built.serve(name) if kind == "serve" else host.start("worker")
    for web in WEBS:
        built.wait(f"{web} serves", lambda web=web: built.ready(web))  # type: ignore[misc]
    built.wait("all hosts report", lambda: len(_reported(built)) == 4)
    return built


def _reported(found: Site) -> set[str]:
    return {
        str(name)
        for (name,) in found.rows(
            "select name from tenancy_host where seen_at > now() - interval '30 seconds'"
        )
    }


def _status(found: Site, host: str) -> dict[str, Any]:
    done = found.hosts[host].theseller("status", "--json")
    return dict(json.loads(done.stdout))


def test_hosts_show_each_other_and_what_differs(served: Site) -> None:
    found = _status(served, "worker1")
    assert {one["name"] for one in found["hosts"]} == {*WEBS, *WORKERS}
    assert not any("host" in one for one in found["problems"]), found["problems"]
    host = served.hosts["worker2"]
    host.stop("worker")
    served.wait("worker2 left", lambda: "worker2" not in _reported(served))
    host.environ["THESELLER_RESTRICTED_ROLES"] = "Direct-to-Consumer Shipping"
    host.start("worker")
    served.wait("worker2 is back", lambda: "worker2" in _reported(served))
    problems = _status(served, "web1")["problems"]
    assert any(
        re.search("hosts differ in THESELLER_RESTRICTED_ROLES: look at host worker2", one)
        for one in problems
    ), problems
    host.kill("worker")
    host.environ["THESELLER_SECRET_PROVIDER"] = "files"
    refused = host.theseller("status")
    assert refused.returncode != 0
