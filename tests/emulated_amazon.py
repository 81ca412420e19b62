"""The emulated Amazon for one test: a real server on a loopback port, in a thread.

It also does what a seller does on its consent page.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn
from django.conf import settings
from django.test.utils import override_settings

from theseller.amazon.endpoints import Endpoints
from theseller.amazon.feature_requirements import FEATURES, roles_for
from theseller.connections import access_tokens
from theseller.connections.http_and_lwa_clients import close_amazon_http, lwa_client
from theseller.emulator.app import create_app
from theseller.emulator.settings import Application, Config
from theseller.lib.clock import now
from theseller.lib.secret_type import Secret

ALICE, CHARLIE = "A2ALICEEXAMPLE1", "A3CHARLIEEXMPL"
ROLES = tuple(role.value for role in roles_for(FEATURES))


@dataclass(frozen=True, slots=True)
class ConsentRedirect:
    """What Seller Central sends the browser back with."""

    state: Secret
    code: Secret
    selling_partner_id: str


class EmulatedAmazon:
    """A running emulator, and what a seller does there."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Without TLS the machine's list of authorities, which takes long to read, has no use.
        self.http = httpx.Client(trust_env=False, timeout=20, verify=False)  # noqa: S501

    def consent(self, consent_url: str, *, seller: str = ALICE) -> ConsentRedirect:
        """Confirm at the consent page as `seller`, and return what the redirect carries."""
        requested = {
            name: values[0] for name, values in parse_qs(urlsplit(consent_url).query).items()
        }
        page = self.http.get(consent_url)
        assert page.status_code == 200, page.text
        answer = self.http.post(
            consent_url.split("?", 1)[0],
            data={**requested, "account": seller, "decision": "confirm"},
        )
        assert answer.status_code == 303, answer.text
        back = {
            name: values[0]
            for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()
        }
        return ConsentRedirect(
            Secret(back["state"]), Secret(back["spapi_oauth_code"]), back["selling_partner_id"]
        )

    def control(self, path: str, **body: object) -> None:
        self.http.post(f"{self.url}/_emulator/{path}", json=body).raise_for_status()

    def calls(self) -> object:
        return self.http.get(f"{self.url}/_emulator/calls").json()["calls"]


@contextlib.contextmanager
def emulated_amazon(
    state: Path,
    *,
    roles: tuple[str, ...] = ROLES,
    rate_scale: float = 1000.0,
    clock: Callable[[], datetime] = now,
) -> Iterator[EmulatedAmazon]:
    """Run the emulator by `clock` and point this process's settings at it."""
    application = Application(
        client_id=settings.ENVIRONMENT.lwa_client_id,
        application_id=settings.ENVIRONMENT.application_id,
        client_secrets=tuple(secret.reveal() for secret in settings.LWA_CLIENT_SECRETS()),
        redirect_uris=(settings.LWA_REDIRECT_URI,),
        roles=roles,
    )
    app = create_app(
        Config(application=application, state_dir=state, rate_scale=rate_scale, clock=clock)
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="warning", log_config=None, lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with override_settings(AMAZON_ENDPOINTS=Endpoints.emulated(url)):
        _clear_clients()
        amazon = EmulatedAmazon(url)
        yield amazon
        amazon.http.close()
    _clear_clients()
    server.should_exit = True
    thread.join(10)


def _clear_clients() -> None:
    close_amazon_http()
    lwa_client.cache_clear()
    access_tokens._cache.clear()
