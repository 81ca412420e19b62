"""An emulator in this process, at an instant that stays the same unless a test moves it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.applications import Starlette

from theseller.emulator.app import create_app
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.settings import ROLES, Application, Config

REDIRECT = "https://shop.example/amazon/callback"
ALICE, CHARLIE, DORA = "A2ALICEEXAMPLE1", "A3CHARLIEEXMPL", "A4DORAEXAMPLE22"
HOSTS = {
    ALICE: "sellercentral.amazon.com",
    CHARLIE: "sellercentral-europe.amazon.com",
    DORA: "sellercentral.amazon.co.jp",
}
REGIONS = {ALICE: "na", CHARLIE: "eu", DORA: "fe"}
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **amount: float) -> None:
        self.at += timedelta(**amount)


class Client:
    """Calls an ASGI application from plain functions, as a client on this machine would."""

    def __init__(self, app: Starlette, address: str = "127.0.0.1") -> None:
        self._transport = httpx.ASGITransport(app=app, client=(address, 50000))

    # -- handed on as it is.
    def request(self, method: str, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://127.0.0.1:8101"
            ) as client:
                return await client.request(method, url, **options)

        return asyncio.run(send())

    # -- handed on as it is.
    def get(self, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        return self.request("GET", url, **options)

    # -- handed on as it is.
    def post(self, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        return self.request("POST", url, **options)


@dataclass
class Amazon:
    """The emulator as a client sees it, with the steps that every test needs."""

    config: Config
    clock: Clock
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin, or begin again from what the state file holds."""
        app = create_app(self.config)
        self.emulator: Emulator = app.state.emulator
        self.client = Client(app)

    def consent(self, seller: str, **overrides: str) -> httpx.Response:
        form = {
            "application_id": "amzn1.sp.solution.test",
            "state": "st",
            "redirect_uri": REDIRECT,
            "version": "",
            "account": seller,
        }
        return self.client.post(
            f"/seller-central/{HOSTS[seller]}/apps/authorize/consent",
            data={**form, "decision": "confirm", **overrides},
        )

    def code(self, seller: str) -> str:
        location = self.consent(seller).headers["location"]
        return parse_qs(urlsplit(location).query)["spapi_oauth_code"][0]

    def token(self, **fields: str) -> httpx.Response:
        base = {"client_id": "amzn1.application-oa2-client.test", "client_secret": "newest"}
        return self.client.post("/auth/o2/token", data={**base, **fields})

    def connect(self, seller: str) -> dict[str, str]:
        answer = self.token(
            grant_type="authorization_code", code=self.code(seller), redirect_uri=REDIRECT
        )
        assert answer.status_code == 200, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    def call(
        self,
        seller: str,
        access: str,
        path: str,
        method: str = "GET",
        region: str = "",
        **options: Any,  # noqa: ANN401
    ) -> httpx.Response:
        url = f"/spapi/{region or REGIONS[seller]}{path}"
        return self.client.request(method, url, headers={"x-amz-access-token": access}, **options)


def application(**overrides: Any) -> Application:  # noqa: ANN401
    fields: dict[str, Any] = {
        "client_id": "amzn1.application-oa2-client.test",
        "application_id": "amzn1.sp.solution.test",
        "client_secrets": ("newest", "before", "long ago"),
        "redirect_uris": (REDIRECT,),
        "roles": tuple(role for role in ROLES if "Restricted" not in role),
    }
    return Application(**{**fields, **overrides})


def amazon_with(
    directory: Path,
    rate_scale: float = 1000.0,
    **overrides: Any,  # noqa: ANN401 - passed on as it is
) -> Amazon:
    clock = Clock()
    return Amazon(
        Config(application(**overrides), directory, rate_scale=rate_scale, clock=clock), clock
    )
