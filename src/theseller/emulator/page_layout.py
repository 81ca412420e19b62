"""Layout of the emulated Seller Central: HTML, one style sheet, no script."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

STYLE_PATH = "/seller-central/style.css"

_WHAT_ROLES_OPEN = {
    "Amazon Fulfillment": "Stock and shipments in Amazon's warehouses",
    "Brand Analytics": "Visits and conversion of your listings",
    "Finance and Accounting": "Payments, fees, refunds and settlements",
    "Inventory and Order Tracking": "Orders and their status, without buyers' details",
    "Pricing": "Prices and offers",
    "Product Listing": "Your listings and catalog",
    "Selling Partner Insights": "Your account and the stores you sell in",
}


def role_line(role: str) -> str:
    """Return a list entry for a role and what it gives access to.

    A role without a description of its own gets a general one.
    """
    what = _WHAT_ROLES_OPEN.get(role, "Data that this role covers")
    return f"<li><strong>{escape(role)}</strong><span>{escape(what)}</span></li>"


def hidden(fields: dict[str, str]) -> str:
    """Return hidden form fields."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def page(
    host: str, title: str, content: str, *, status: int = 200, form_targets: str = ""
) -> Response:
    """Return a whole page.

    Args:
        host: the host of Seller Central that the page shows.
        title: the page's title and heading.
        content: the HTML below the heading.
        status: the HTTP status.
        form_targets: origins that a form on the page may end at. Browsers check redirects against
            them too.
    """
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width, initial-scale=1"><title>{escape(title)} · Emulated Seller'
        f' Central</title><link rel="stylesheet" href="{STYLE_PATH}"></head><body><header><p'
        ' class="mark"><span aria-hidden="true">◆</span> Emulated Seller Central</p><p'
        f' class="host">{escape(host)}</p></header><main><h1>{escape(title)}</h1>{content}'
        f"</main><footer><p>This"
        " is a stand-in for tests and demonstrations. It is not Amazon, and nothing you do here"
        " reaches Amazon.</p></footer></body></html>"
    )
    policy = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none';"
        f" form-action 'self' {form_targets}".strip()
    )
    headers = {
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)


def problem(host: str, code: str, text: str, advice: str, *, status: int = 400) -> Response:
    """Return one of Seller Central's authorisation errors."""
    content = (
        f'<section class="card"><p class="code">Error {escape(code)}</p><p>{escape(text)}</p><p'
        f' class="quiet">{escape(advice)}</p></section>'
    )
    return page(host, "We can't complete this authorization", content, status=status)


def style() -> Response:
    """Return the style sheet."""
    text = files("theseller.emulator").joinpath("style.css").read_text(encoding="utf-8")
    return Response(
        text,
        media_type="text/css",
        headers={"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"},
    )
