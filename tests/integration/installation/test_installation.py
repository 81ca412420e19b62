"""A Debian 12 host from nothing to a seller's figures, by the guides' own commands.

systemd boots the host; units, nginx and mail are those of the guides. The emulated Amazon is the
one of docs/operate/staging.md. certbot is a stand-in: no authority of the internet knows the host.
"""

from __future__ import annotations

import sys
import time

import pytest
from playwright.sync_api import Browser
from tests.integration.installation.debian_host import DebianHost
from tests.integration.installation.guide_commands import commands
from tests.integration.installation.guide_installation import (
    check_installation,
    configure_mail,
    first_password,
    install_edge,
    install_programs,
    restarts_refuse_no_request,
    runs_undisturbed,
    slow_start,
)
from tests.integration.installation.operator_and_seller import (
    connect,
    invite_owner,
    join,
    mailed_link,
    page_of,
    see_figures,
)
from tests.smtp_server import RunningServer

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]

_SERVICES = ("theseller-db", "theseller-web", "theseller-worker")
_EMULATOR = "theseller-emulator"


def test_a_new_host_leads_a_seller_to_figures(
    host: DebianHost, mail: RunningServer, browser: Browser
) -> None:
    begun = time.monotonic()
    password = _install(host)
    configure_mail(host)
    check_installation(host, (*_SERVICES, _EMULATOR))
    installed = time.monotonic()
    with page_of(browser) as page:
        invite_owner(page, password)
        link = mailed_link(mail)
    with page_of(browser) as page:
        join(page, link)
        connect(page)
        connected = time.monotonic()
        see_figures(page, "Ordered sales", "Amazon fees")
        sys.stdout.write(
            f"installed in {installed - begun:.0f} s, connected after {connected - begun:.0f} s,"
            f" figures after {time.monotonic() - begun:.0f} s\n"
        )
        restarts_refuse_no_request(host)
        host.reboot()
        runs_undisturbed(host, (*_SERVICES, _EMULATOR))
        see_figures(page, "Ordered sales", "Amazon fees")
        _starts_without_the_emulator(host)
        see_figures(page, "Ordered sales", "Amazon fees")
    _removed(host)


def _install(host: DebianHost) -> str:
    """Install by install.md and staging.md; return the operator's first password."""
    install_programs(host)
    (setup,) = commands("staging.md", "Section 2")
    done = host.run(setup)
    assert "Start the emulated Amazon" in done
    services, _created_on = commands("install.md", "4. Services")
    host.run("\n".join(commands("staging.md", "Section 4")))
    host.run(services)
    runs_undisturbed(host, (*_SERVICES, _EMULATOR))
    install_edge(host)
    return first_password(done)


def _starts_without_the_emulator(host: DebianHost) -> None:
    """Boot with a slow database and without the emulator, for whose start web and worker wait."""
    host.run(f"systemctl disable {_EMULATOR}")
    slow_start(host, "theseller-db.service", "/opt/theseller/.venv/bin/theseller postgres start")
    host.reboot()
    assert host.run(f"systemctl is-active {_EMULATOR}", check=False).strip() == "inactive"
    runs_undisturbed(host, _SERVICES)


def _removed(host: DebianHost) -> None:
    """Stop everything as the guide says, and boot: nothing of it starts again."""
    (stop,) = commands("install.md", "Remove it")
    host.run(stop)
    host.reboot()
    assert host.run("systemctl list-units --no-legend 'theseller*'") == ""
