"""A booted host, a mail server that it reaches, and a browser in its network."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.integration.installation.debian_host import DebianHost
from tests.integration.installation.guide_commands import clone_of_this_repository
from tests.integration.installation.network_and_mail import (
    MAIL,
    connect_to_the_internet,
    forwarded,
    write_certificates,
)
from tests.integration.installation.operator_and_seller import ARGUMENTS
from tests.smtp_server import RunningServer, smtp_server


@pytest.fixture(scope="module")
def host() -> Iterator[DebianHost]:
    folder = Path(tempfile.mkdtemp(prefix="ts-installation-"))
    made = DebianHost.make(folder)
    try:
        clone_of_this_repository(made.shared)
        write_certificates(made)
        made.boot()
        connect_to_the_internet(made)
        yield made
    finally:
        made.shut_down()
        made.disconnect()
        for seconds, what in made.seconds:
            sys.stdout.write(f"{seconds:7.1f} s  {what[:100]}\n")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def mail(host: DebianHost) -> Iterator[RunningServer]:
    with smtp_server(host.shared, host=MAIL) as server, forwarded(587, server.port):
        yield server


@pytest.fixture(scope="module")
def browser(host: DebianHost) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(host.browser()), args=list(ARGUMENTS)
        )
        yield started
        started.close()
