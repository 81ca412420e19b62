"""What an operator and the first seller do in a new installation, by its pages alone.

From the operator's first password to the seller's figures: a second factor, a shop whose owner is
invited by mail, the link of that mail, a connection to the emulated Amazon.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.smtp_server import RunningServer

from theseller.accounts.mfa import totp
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.os_processes import wait_until

SITE = "shop.example"
OWNER, _PASSWORD = "anna@seller.test", "four words of a seller"
_STORE, _SELLER = "A1PA6795UKMFR9", "A3CHARLIEEXMPL"  # Amazon.de, in Europe
#: A build server may be slow.
_PATIENCE = 900.0


@dataclass(slots=True)
class Browser:
    """A browser without a screen, behind a proxy that ends TLS: cookies and forms."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def ask(self, path: str, form: Sequence[tuple[str, str]] | None = None) -> tuple[int, str, str]:
        """Return the status, where it leads, and the text."""
        headers = {
            "Host": SITE, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9",
            "Origin": f"https://{SITE}", "Referer": f"https://{SITE}/",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }  # fmt: skip
        body = None
        if form is not None:
            body = urlencode([*form, ("csrfmiddlewaretoken", self.token)])
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request("GET" if form is None else "POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := re.search('name="csrfmiddlewaretoken" value="([^"]+)"', text):
            self.token = found.group(1)
        return answer.status, answer.headers.get("Location", ""), text

    def send(self, path: str, *form: tuple[str, str]) -> tuple[str, str]:
        """Open a page and send its form; return where the answer leads, and its text."""
        self.ask(path)
        status, leads, text = self.ask(path, form)
        assert status in {200, 302, 303}, (path, status, text)
        return leads, text

    def sign_in(self, email: str, password: str) -> None:
        leads, text = self.send("/sign-in/", ("email", email), ("password", password))
        assert leads, text


def operator_invites_an_owner(
    operator: Browser, email: str, password: str, mail: RunningServer
) -> str:
    """Sign in for the first time, set up an app, add a shop; return the path of the mailed link."""
    operator.sign_in(email, password)
    assert operator.ask("/operate/")[1].startswith("/account/security/")
    operator.ask("/account/security/")  # for the token of its forms
    operator.ask("/account/security/authenticator/", [])
    _status, _leads, page = operator.ask("/account/security/authenticator/")
    [shown] = re.findall(r'class="copyable">([A-Z2-7 ]+)<', page)
    code = totp.code_of(Secret(shown.replace(" ", "")), totp.step_at(clock.now()))
    operator.ask("/account/security/authenticator/", [("code", code)])
    assert operator.ask("/operate/")[0] == 200
    leads, page = operator.send("/operate/shops/new/", ("name", "Anna's shop"), ("owner", OWNER))
    assert leads == "/operate/shops/", page
    assert f"The invitation is sent to {OWNER}." in operator.ask(leads)[2]
    return _mailed_link(mail)


def _mailed_link(mail: RunningServer) -> str:
    def links() -> list[str]:
        return [
            link
            for message in mail.messages()
            if message["To"] == OWNER
            for link in re.findall(
                rf"https://{SITE}(/join/\S+)",
                message.get_body(("plain",)).get_content(),  # type: ignore[union-attr]
            )
        ]

    assert wait_until(lambda: bool(links()), _PATIENCE, step=0.5), "no invitation was mailed"
    return links()[0]


def owner_sees_figures(seller: Browser, link: str) -> str:
    """Use the link, sign in, connect at the emulated Amazon; return the first dashboard."""
    page = seller.ask(link)[2]
    assert "Anna&#x27;s shop" in page
    names = re.findall(r'<input type="password" name="(\w+)"', page)
    fields = [("name", "Anna"), *((name, _PASSWORD) for name in names)]
    leads, page = seller.send(link, *fields)
    assert leads == "/sign-in/", page
    seller.sign_in(OWNER, _PASSWORD)
    assert "Connect your store" in seller.ask("/")[2]
    seller.ask("/connections/new/")
    choice = [("features", "sales"), ("features", "finances"), ("marketplace", _STORE)]
    status, consent, page = seller.ask("/connections/attempts/", choice)
    assert status in {302, 303}, page
    leads = _consent(consent)
    assert seller.ask(leads)[1] == "/connections/"
    assert "Connected." in seller.ask("/connections/")[2]
    assert wait_until(lambda: _figures(seller) > 0, _PATIENCE, step=2.0), seller.ask("/")[2]
    return seller.ask("/")[2]


def _consent(address: str) -> str:
    """Confirm at the emulated Seller Central; return the path that it leads back to."""
    requested = urlsplit(address)
    assert requested.hostname is not None
    form = f"{requested.query}&{urlencode({'account': _SELLER, 'decision': 'confirm'})}"
    with closing(
        http.client.HTTPConnection(requested.hostname, requested.port, timeout=120)
    ) as amazon:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        amazon.request("POST", requested.path, form, kind)
        answer = amazon.getresponse()
        answer.read()
        back = urlsplit(str(answer.getheader("Location")))
    assert (back.hostname, back.path) == (SITE, "/connections/callback/"), answer.status
    return f"{back.path}?{back.query}"


def _figures(seller: Browser) -> float:
    """Return the ordered sales that the dashboard shows; 0 while it shows none."""
    found = re.search(r"Ordered sales</strong> [£€]([\d,.]+) by purchase date", seller.ask("/")[2])
    return float(found[1].replace(",", "")) if found else 0.0
