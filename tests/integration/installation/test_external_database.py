"""Production on a host with Debian's PostgreSQL, by the guides' own commands.

The first seller is invited by mail and imports a report file: nothing here is Amazon. certbot is a
stand-in: no authority of the internet knows the host.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from tests.integration.ingest.imports.files import ALICE
from tests.integration.installation.debian_host import DebianHost
from tests.integration.installation.guide_commands import commands
from tests.integration.installation.guide_installation import (
    check_installation,
    configure_mail,
    first_password,
    install_edge,
    install_programs,
    runs_undisturbed,
    slow_start,
    wait_until_ready,
)
from tests.integration.installation.operator_and_seller import (
    OWNER,
    invite_owner,
    join,
    mailed_link,
    page_of,
    see_figures,
)
from tests.smtp_server import RunningServer

from theseller.amazon.reports import ReportType
from theseller.emulator.reports import document_rendering
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World
from theseller.lib import clock

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]

_SERVICES = ("theseller-web", "theseller-worker")
_BACKUPS = {
    "bak-automatic", "bak-cap", "bak-restore-test", "life-backups-90", "pii-delete-on-disconnect",
}  # fmt: skip
_SUPERUSERS_PASSWORD = """
runuser -u postgres -- psql -Atc "select coalesce(rolpassword, 'none') from pg_authid where rolname = 'postgres'"
"""
_LOGS = {"cred-no-plaintext", "cred-access-token-memory"}


def test_production_on_debians_postgresql_leads_a_seller_to_figures(
    host: DebianHost, mail: RunningServer, browser: Browser
) -> None:
    password = _install(host)
    configure_mail(host)
    check_installation(host, _SERVICES)
    with page_of(browser) as page:
        invite_owner(page, password)
        link = mailed_link(mail)
    with page_of(browser) as page:
        join(page, link)
        _import_orders(host)
        see_figures(page, "Ordered sales")
        slow_start(
            host, "postgresql@15-main.service",
            "/usr/bin/pg_ctlcluster --skip-systemctl-redirect 15-main start",
        )  # fmt: skip
        host.reboot()
        runs_undisturbed(host, _SERVICES)
        see_figures(page, "Ordered sales")
    _controls_say_what_the_documents_say(host)


def _install(host: DebianHost) -> str:
    """Install by install.md and external-database.md; return the operator's first password."""
    install_programs(host)
    host.run("\n".join(commands("external-database.md", "1. The server")))
    (setup,) = commands("external-database.md", "2. Setup")
    _questions, example, put = commands("install.md", "2. Setup")
    options = re.sub(r"--database \S+ --backups \S+", "", example.partition("setup ")[2].strip())
    done = host.run(setup.replace("theseller setup ", f"theseller setup {options} "))
    host.run(put, given="amzn1.oa2-cs.v1.secret-of-this-test-only\n")
    services, created_on = commands("install.md", "4. Services")
    host.run(re.sub("(?m)^.*theseller-db.service.*\n", "", services))
    host.run(created_on)
    runs_undisturbed(host, _SERVICES)
    assert host.run(_SUPERUSERS_PASSWORD).strip() == "none"
    install_edge(host)
    return first_password(done)


def _import_orders(host: DebianHost) -> None:
    """Import orders of days that the dashboard shows at first."""
    now, who = clock.now(), SELLERS[ALICE]
    first, until = (
        document_rendering.midnight(now.date() - timedelta(days=days)) for days in (20, 5)
    )
    kind = ReportType.ALL_ORDERS_BY_ORDER_DATE.value
    text = document_rendering.render(
        World(7), ReportOrder(who, kind, first, until, now, (who.stores[0].marketplace.id,))
    )
    assert text
    (host.shared / "orders.txt").write_text(text)
    host.run(f"theseller import /srv/orders.txt --as {OWNER}")


def _controls_say_what_the_documents_say(host: DebianHost) -> None:
    """Nothing fails; unknown is what an external database and a journal keep from sight."""
    found = json.loads(host.run("theseller controls --now --json", check=False))["controls"]
    outcomes = {one["id"]: one["outcome"] for one in found}
    assert "broken" not in outcomes.values(), found
    assert {outcomes[one] for one in (*_BACKUPS, *_LOGS)} == {"unknown"}
    (search,) = commands("controls.md", "Logs that")
    host.run(search)
    wait_until_ready(host)
    found = json.loads(host.run("theseller controls --now --json", check=False))["controls"]
    outcomes = {one["id"]: one["outcome"] for one in found}
    assert {outcomes[one] for one in _LOGS} == {"met"}, found
