"""Control page at /_emulator/: forms that change facts at Amazon.

It is for a person who tries the product, and can be reached from this machine only.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from theseller.emulator import page_layout
from theseller.emulator.amount_and_time_formats import instant
from theseller.emulator.control_api import is_local
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.fact_change_requests import change, changeable, describe, jump
from theseller.emulator.world.requested_changes import Change
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.settlement_periods import INVOICED, STANDARD

PATH = "/_emulator/"


def routes() -> list[Route]:
    """Return the page's routes."""
    return [Route(PATH, _show, methods=["GET"]), Route(PATH, _submit, methods=["POST"])]


def _refused(request: Request) -> Response:
    return page_layout.problem(
        request.url.netloc,
        "403",
        "This page answers this machine only.",
        "Open it on the machine itself.",
        status=403,
    )


async def _show(request: Request) -> Response:
    if not is_local(request):
        return _refused(request)
    emulator: Emulator = request.app.state.emulator
    sellers = emulator.world.sellers
    seller = sellers.get(request.query_params.get("seller", ""), next(iter(sellers.values())))
    said = request.query_params.get("said", "")
    parts = [
        f'<p class="card" role="status">{escape(said)}</p>' if said else "",
        _choose_seller(emulator, seller),
        _orders(emulator, seller, Change.REFUND, "Refund an order", "Refund"),
        _orders(emulator, seller, Change.CANCEL, "Cancel an order", "Cancel the order"),
        _stores(emulator, seller),
        _clock(emulator, seller),
        _made(emulator),
    ]
    return page_layout.page(request.url.netloc, "Change facts at Amazon", "".join(parts))


def _choose_seller(emulator: Emulator, chosen: Seller) -> str:
    links = "".join(
        "<li><a"
        f' href="?{urlencode({"seller": seller.id})}"'
        f"{' aria-current=page' if seller is chosen else ''}>{escape(seller.owner)}"
        f" · {escape(str(seller.region).upper())}</a><span>{escape(seller.id)}</span></li>"
        for seller in emulator.world.sellers.values()
    )
    return (
        '<section class="card"><h2>Seller</h2><p>Each change happens now, by the emulated'
        " Amazon's clock. The product finds it when it next asks for orders, transactions or"
        f' settlements.</p><ul class="roles">{links}</ul></section>'
    )


def _orders(emulator: Emulator, seller: Seller, kind: Change, title: str, button: str) -> str:
    """Return a form for one order: a recent one from a list, or any by ID."""
    found = changeable(emulator, seller, kind)
    options = "".join(
        f'<option value="{escape(order.id)}">{escape(order.store.marketplace.code)} ·'
        f" {instant(order.created)[:10]} · {escape(order.lines[0].product.sku)}</option>"
        for order in found
    )
    name = f"orders-{kind}"
    percent = (
        '<p><label>Share in percent <input name="percent" value="100" inputmode="numeric"'
        ' size="4"></label></p>'
        if kind is Change.REFUND
        else ""
    )
    return (
        f'<section class="card"><h2>{title}</h2><form'
        f' method="post">{page_layout.hidden({"kind": kind, "seller": seller.id})}<p><label>'
        f'Order number <input name="order_id" list="{name}" required autocomplete="off"'
        f' size="24"></label></p><datalist id="{name}">{options}</datalist>{percent}<div'
        f' class="actions"><button>{button}</button></div></form></section>'
    )


def _stores(emulator: Emulator, seller: Seller) -> str:
    """Return each store's forms: release, close settlement, second stream."""
    rows = []
    for store in seller.stores:
        fields = {
            "seller": seller.id,
            "selling_partner_id": seller.id,
            "marketplace_id": store.marketplace.id,
        }
        streams = emulator.world.streams(seller, store)
        buttons: list[tuple[dict[str, str], str]] = [
            ({"kind": Change.RELEASE}, "Release deferred transactions")
        ]
        names = {
            STANDARD: "Close the settlement",
            INVOICED: "Close the settlement of invoiced orders",
        }
        buttons += [({"kind": Change.CLOSE, "stream": stream}, names[stream]) for stream in streams]
        if INVOICED not in streams:
            buttons.append(
                ({"kind": Change.INVOICED}, "Give invoiced orders a settlement stream of their own")
            )
        forms = "".join(
            f'<form method="post">{page_layout.hidden({**fields, **more})}<div'
            f' class="actions"><button>{text}</button></div></form>'
            for more, text in buttons
        )
        rows.append(f"<h3>{escape(store.marketplace.sales_channel)}</h3>{forms}")
    return f'<section class="card"><h2>Money and settlements</h2>{"".join(rows)}</section>'


def _clock(emulator: Emulator, seller: Seller) -> str:
    return (
        f'<section class="card"><h2>Clock</h2><p>At Amazon it is {instant(emulator.now())}. Only'
        " Amazon's clock moves, not the product's, and no button moves it back.</p><form"
        f' method="post">{page_layout.hidden({"kind": "jump", "seller": seller.id})}<p><label>Days'
        ' ahead <input name="days" value="12" inputmode="numeric" size="4" required></label></p>'
        '<div class="actions"><button>Move the clock</button></div></form></section>'
    )


def _made(emulator: Emulator) -> str:
    made = [
        (
            f"<li><strong>{escape(describe(emulator, amendment))}</strong><span>"
            f"{instant(amendment.at)}</span></li>"
        )
        for amendment in reversed(emulator.world.amendments.all)
    ]
    content = (
        f'<ul class="roles">{"".join(made)}</ul>'
        if made
        else "<p>Nothing has been changed yet.</p>"
    )
    return f'<section class="card"><h2>Changes made</h2>{content}</section>'


async def _submit(request: Request) -> Response:
    """Make a change and show the page again, with what happened."""
    if not is_local(request):
        return _refused(request)
    emulator: Emulator = request.app.state.emulator
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        if form.get("kind") == "jump":
            jump(emulator, form.get("days", ""))
            said = f"The clock was moved to {instant(emulator.now())}."
        else:
            said = f"{describe(emulator, change(emulator, form))}."
    except ValueError as error:
        return page_layout.problem(
            request.url.netloc, "400", f"Nothing was changed: {error}.", "Go back and correct it."
        )
    query = urlencode({"seller": form.get("seller", ""), "said": said})
    return RedirectResponse(f"{PATH}?{query}", 303, {"Referrer-Policy": "no-referrer"})
