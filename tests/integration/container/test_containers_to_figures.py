"""Containers from nothing until a seller, invited by mail, sees figures of the emulated Amazon."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.first_seller import Browser, operator_invites_an_owner, owner_sees_figures
from tests.integration.container.machine import GATEWAY, OPERATOR, SETUP, installed
from tests.smtp_server import PASSWORD, USER, smtp_server

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]


def test_a_seller_invited_by_mail_sees_figures(release: tuple[Path, Path], tmp_path: Path) -> None:
    with (
        smtp_server(tmp_path, host=GATEWAY, listen="0.0.0.0") as mail,  # noqa: S104 - for containers
        installed(*release) as machine,
    ):
        said = machine.theseller(
            *SETUP, "--environment", "staging", "--amazon", f"emulator:http://{GATEWAY}:8101",
            "--mail", f"smtp://{quote(USER)}@{GATEWAY}:{mail.port}",
            "--mail-from", "analytics@acme.internal",
        )  # fmt: skip
        [password] = re.findall(r"first password: (\S+)", said)
        etc = machine.folder / "etc"
        (etc / "mail-ca.pem").write_bytes(mail.certificate.read_bytes())
        with (etc / "theseller.env").open("a") as file:
            file.write("THESELLER_MAIL_CA_FILE=/etc/theseller/mail-ca.pem\n")
        machine.theseller("secrets", "put", "smtp-password", given=f"{PASSWORD}\n")
        machine.compose("up", "-d")
        with machine.emulator():
            machine.wait_until_ready()
            link = operator_invites_an_owner(Browser(machine.port), OPERATOR, password, mail)
            owner_sees_figures(Browser(machine.port), link)
        machine.compose("down", "--timeout", "60")
