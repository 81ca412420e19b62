"""Seller Central: the consent page and "Manage your apps".

The consent page is the one of the website authorization workflow. On "Manage your apps" a seller
revokes an authorization.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from theseller.emulator import page_layout
from theseller.emulator.amount_and_time_formats import instant
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.world.sellers import Seller
from theseller.lib.marketplaces import MARKETPLACES

_BASE = "/seller-central/{host}/apps"
_FIELDS = ("application_id", "state", "redirect_uri", "version")
_SECONDARY = "secondary:"


def routes() -> list[Route]:
    """Return the routes of the emulated Seller Central."""
    return [
        Route("/", _index, methods=["GET"]),
        Route(page_layout.STYLE_PATH, _style, methods=["GET"]),
        Route(f"{_BASE}/authorize/consent", _ask, methods=["GET"]),
        Route(f"{_BASE}/authorize/consent", _decide, methods=["POST"]),
        Route(f"{_BASE}/manage", _manage, methods=["GET"]),
        Route(f"{_BASE}/manage", _change, methods=["POST"]),
    ]


async def _index(request: Request) -> Response:
    """List the shops, the addresses of "Manage your apps" and the switches."""
    emulator: Emulator = request.app.state.emulator
    hosts = list(
        dict.fromkeys(
            store.marketplace.seller_central_host
            for seller in emulator.world.sellers.values()
            for store in seller.stores
        )
    )
    rows = "".join(
        f'<li><strong><a href="/seller-central/{host}/apps/manage">{host}</a></strong>'
        f"<span>{escape(_owners(emulator, host))}</span></li>"
        for host in hosts
    )
    base = str(request.base_url).rstrip("/")
    switches = (
        f"curl {base}/_emulator/state\ncurl {base}/_emulator/calls\n"
        f'curl -X POST {base}/_emulator/faults -d \'{{"operation": "orders.*", "kind": "throttle",'
        ' "times": 5}\'\n'
        f"curl -X DELETE {base}/_emulator/faults"
    )
    content = (
        '<section class="card"><h2>Manage your apps, by store</h2><ul'
        f' class="roles">{rows}</ul></section><section class="card"><h2>Change facts</h2><p><a'
        ' href="/_emulator/">Refund or cancel an order, release money, close settlements, move the'
        ' clock</a></p></section><section class="card"><h2>Faults and counts, from this machine'
        f" only</h2><pre>{escape(switches)}</pre></section>"
    )
    return page_layout.page(request.url.netloc, "The emulated Amazon", content)


async def _style(_request: Request) -> Response:
    return page_layout.style()


def _owners(emulator: Emulator, host: str) -> str:
    sellers = _sellers(emulator, host)
    return " and ".join(f"{seller.owner} ({_countries(seller)})" for seller in sellers)


def _sellers(emulator: Emulator, host: str) -> list[Seller]:
    """Return the accounts that can sign in at this host.

    There is one unified account for Europe and one for North America.
    """
    regions = {
        market.region for market in MARKETPLACES.values() if market.seller_central_host == host
    }
    return [seller for seller in emulator.world.sellers.values() if seller.region in regions]


def _refusal(emulator: Emulator, host: str, requested: dict[str, str]) -> Response | None:
    """Return the error page for a request that is not accepted, or None."""
    application, uri = emulator.config.application, requested["redirect_uri"]
    if not _sellers(emulator, host):
        return page_layout.problem(
            host,
            "404",
            "There is no emulated seller at this address.",
            "Use the address of your own store.",
            status=404,
        )
    problems = (
        (
            requested["application_id"] != application.application_id,
            (
                "MD9010",
                "This application does not exist.",
                "Check the application_id in the link you followed.",
            ),
        ),
        (
            application.draft and requested["version"] != "beta",
            (
                "MD1000",
                "This application is a draft.",
                "Add version=beta to the authorization link while it is one.",
            ),
        ),
        (
            not application.redirect_uris,
            (
                "MD9100",
                "This application has no redirect URI.",
                "Register one for the application.",
            ),
        ),
        (
            "#" in uri,
            ("MD5110", "The redirect URI contains a fragment.", "Remove everything from # on."),
        ),
        (
            bool(uri) and uri not in application.redirect_uris,
            (
                "MD5101",
                "The redirect URI does not match a registered one.",
                "It must be equal, character by character.",
            ),
        ),
    )
    return next((page_layout.problem(host, *texts) for wrong, texts in problems if wrong), None)


async def _ask(request: Request) -> Response:
    """Show the application and its roles, and let the seller choose."""
    emulator: Emulator = request.app.state.emulator
    host = request.path_params["host"]
    requested = {name: request.query_params.get(name, "") for name in _FIELDS}
    refusal = _refusal(emulator, host, requested)
    if refusal:
        return refusal
    application, sellers = emulator.config.application, _sellers(emulator, host)
    choices = [
        _choice(
            seller.id,
            f"{seller.owner}'s shop",
            f"Primary user · {_countries(seller)} · {seller.id}",
            checked=not i,
        )
        for i, seller in enumerate(sellers)
    ]
    choices.append(
        _choice(
            _SECONDARY + sellers[0].id,
            f"{sellers[0].owner}'s assistant",
            f"User without the owner's rights · {sellers[0].id}",
        )
    )
    content = (
        f'<form method="post" autocomplete="off">{page_layout.hidden(requested)}<section'
        f' class="card"><p><strong>{escape(application.name)}</strong> asks for access to your'
        " seller account. You can end it at any time under <em>Manage your apps</em>.</p><p"
        f' class="quiet">Application {escape(application.application_id)}</p></section><section'
        ' class="card"><fieldset><legend>You are signed in'
        f' as</legend>{"".join(choices)}</fieldset></section><section class="card"><h2>What it may'
        " see</h2><ul"
        f' class="roles">{"".join(map(page_layout.role_line, application.roles))}</ul>'
        '</section><div class="actions"><button class="primary" name="decision"'
        ' value="confirm">Confirm</button><button name="decision"'
        ' value="cancel">Cancel</button></div></form>'
    )
    return page_layout.page(
        host,
        f"Authorize {application.name}",
        content,
        form_targets=_origin(_target(emulator, requested)),
    )


def _countries(seller: Seller) -> str:
    return ", ".join(store.marketplace.code for store in seller.stores)


def _choice(value: str, name: str, note: str, *, checked: bool = False) -> str:
    mark = " checked" if checked else ""
    return (
        f'<label class="choice"><input type="radio" name="account" value="{escape(value)}"'
        f" required{mark}><span><span>{escape(name)}</span><span"
        f' class="quiet">{escape(note)}</span></span></label>'
    )


def _target(emulator: Emulator, requested: dict[str, str]) -> str:
    return requested["redirect_uri"] or emulator.config.application.redirect_uris[0]


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


async def _decide(request: Request) -> Response:
    """Send the seller back to the application with an authorization code.

    A seller who declines stays on Seller Central. The fields come from the browser and are checked
    again.
    """
    emulator: Emulator = request.app.state.emulator
    host = request.path_params["host"]
    form = {name: str(value) for name, value in (await request.form()).items()}
    requested = {name: form.get(name, "") for name in _FIELDS}
    refusal = _refusal(emulator, host, requested)
    if refusal:
        return refusal
    if form.get("decision") != "confirm":
        content = (
            '<section class="card"><p>You did not authorize the application. It received nothing.'
            " You can close this page.</p></section>"
        )
        return page_layout.page(host, "Authorization canceled", content)
    account = form.get("account", "")
    if account.startswith(_SECONDARY):
        advice = "Ask the primary user of the account to authorize the application."
        return page_layout.problem(
            host,
            "SPDC8143",
            "Only the primary user of a selling account can authorize an application.",
            advice,
            status=403,
        )
    if account not in {seller.id for seller in _sellers(emulator, host)}:
        return page_layout.problem(
            host,
            "404",
            "This account does not exist here.",
            "Go back and choose one of the accounts.",
            status=404,
        )
    target = _target(emulator, requested)
    code = emulator.state.authorise(
        account,
        target,
        list(emulator.config.application.roles),
        emulator.now(),
        named=bool(requested["redirect_uri"]),
    )
    query = urlencode(
        {"state": requested["state"], "selling_partner_id": account, "spapi_oauth_code": code}
    )
    joint = "&" if urlsplit(target).query else "?"
    return RedirectResponse(
        f"{target}{joint}{query}",
        303,
        {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
    )


async def _manage(request: Request) -> Response:
    """List the authorizations of the accounts at this host."""
    emulator: Emulator = request.app.state.emulator
    host = request.path_params["host"]
    cards = [
        _card(emulator, seller)
        for seller in _sellers(emulator, host)
        if seller.id in emulator.state.data["authorisations"]
    ]
    empty = '<section class="card"><p>No application has access to an account here.</p></section>'
    return page_layout.page(host, "Manage your apps", "".join(cards) or empty)


def _card(emulator: Emulator, seller: Seller) -> str:
    record = emulator.state.data["authorisations"][seller.id]
    application = emulator.config.application
    active = record["status"] == "AUTHORIZED"
    granted = instant(emulator.now().fromtimestamp(record["granted"], emulator.now().tzinfo))
    again = urlencode(
        {
            "application_id": application.application_id,
            **({"version": "beta"} if application.draft else {}),
        }
    )
    button = (
        '<button class="danger" name="action" value="disable">Disable</button>'
        if active
        else '<button name="action" value="enable">Enable again</button>'
    )
    return (
        f'<section class="card"><h2>{escape(application.name)}</h2><p>{escape(seller.owner)}\'s'
        f" shop · {_countries(seller)} · {escape(seller.id)}</p><p><span"
        f' class="status">{"Authorized" if active else "Disabled"}</span> <span class="quiet">since'
        f" {granted}; renew it within 365 days</span></p><form"
        f' method="post">{page_layout.hidden({"account": seller.id})}<div class="actions">'
        f'{button}<a class="button"'
        f' href="authorize/consent?{escape(again)}">Re-authorize</a></div></form></section>'
    )


async def _change(request: Request) -> Response:
    """Disable an authorization, or enable it again.

    Amazon notifies the application of neither.
    """
    emulator: Emulator = request.app.state.emulator
    form = await request.form()
    host, account = request.path_params["host"], str(form.get("account", ""))
    if account in {seller.id for seller in _sellers(emulator, host)}:
        emulator.state.set_status(
            account, "AUTHORIZED" if form.get("action") == "enable" else "DISABLED"
        )
    return RedirectResponse(request.url.path, 303, {"Referrer-Policy": "no-referrer"})
