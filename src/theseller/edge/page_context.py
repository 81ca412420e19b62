"""Template context of every page: navigation, sign-out and request ID."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.edge.request_ids_and_headers import request_id_of
from theseller.edge.types import NavItem

#: (URL name, label, icon). The composition root may replace it by ``THESELLER_NAVIGATION``.
DEFAULT_NAVIGATION = (
    ("analytics:dashboard", gettext_noop("Dashboard"), "chart"),
    ("analytics:products", gettext_noop("Products"), "box"),
    ("analytics:orders", gettext_noop("Orders"), "tally"),
    ("analytics:inventory", gettext_noop("Inventory"), "shelf"),
    ("analytics:settlements", gettext_noop("Settlements"), "bank"),
    ("analytics:profit-and-loss", gettext_noop("Profit and loss"), "file"),
    ("analytics:expenses", gettext_noop("Expenses"), "calendar"),
    ("analytics:returns", gettext_noop("Returns"), "refresh"),
    ("analytics:traffic", gettext_noop("Traffic"), "eye"),
    ("analytics:reconciliation", gettext_noop("Why figures differ"), "search"),
    ("buyer_pii:orders", gettext_noop("To ship"), "print"),
    ("ingest:import", gettext_noop("Import"), "upload"),
    ("connections:overview", gettext_noop("Connection"), "link"),
    ("accounts:members", gettext_noop("Members"), "user"),
    ("controls:page", gettext_noop("Security"), "shield"),
)
#: Destinations behind "More": those that are not opened every day.
BEHIND_MORE = frozenset(
    {
        "analytics:profit-and-loss",
        "analytics:expenses",
        "analytics:returns",
        "analytics:traffic",
        "analytics:reconciliation",
        "buyer_pii:orders",
        "ingest:import",
        "connections:overview",
        "accounts:members",
        "controls:page",
    }
)
#: The letter after `g` of destinations whose label begins with the letter of another one.
NAVIGATION_KEYS = {
    "analytics:inventory": "n",
    "analytics:settlements": "e",
    "analytics:profit-and-loss": "l",
    "analytics:expenses": "x",
    "analytics:returns": "u",
    "analytics:traffic": "r",
}
#: Navigation of the operator area. All addresses start with `OPERATOR_PREFIX`.
OPERATOR_NAVIGATION = (
    ("operators:overview", gettext_noop("Overview"), "shield"),
    ("operators:status", gettext_noop("Health"), "chart"),
    ("operators:shops", gettext_noop("Shops"), "box"),
    ("operators:mail", gettext_noop("Mail"), "envelope"),
    ("operators:sessions", gettext_noop("Access"), "search"),
    ("operators:review", gettext_noop("Review"), "check"),
    ("operators:deletion-requests", gettext_noop("Deletions"), "trash"),
)
OPERATOR_PREFIX = "/operate/"
DEFAULT_SIGN_OUT = "accounts:sign-out"
DEFAULT_ACCOUNT = "accounts:security"


def _url(name: str) -> str:
    # A package without URLs gets no link: navigation must not break a page.
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def navigation(path: str, hidden: Collection[str] = ()) -> list[NavItem]:
    """Return the destinations that exist and are not `hidden` (URL names).

    The destination whose address is the longest prefix of `path` is current.
    """
    destinations = (
        OPERATOR_NAVIGATION
        if path.startswith(OPERATOR_PREFIX)
        else getattr(settings, "THESELLER_NAVIGATION", DEFAULT_NAVIGATION)
    )
    found = [
        (_url(name), label, icon, NAVIGATION_KEYS.get(name), name in BEHIND_MORE)
        for name, label, icon in destinations
        if name not in hidden
    ]
    found = [entry for entry in found if entry[0]]
    # Every path starts with "/": the start page is current only if it is the page itself.
    current = max(
        (url for url, *_label in found if path == url or (url != "/" and path.startswith(url))),
        key=len,
        default="",
    )
    return [
        # The letter is the same in every language.
        NavItem(_(label), icon, url, url == current, key or label[:1].lower(), more)
        for url, label, icon, key, more in found
    ]


def _hidden(request: HttpRequest) -> set[str]:
    """Return the URL names whose navigation condition does not hold.

    `settings.NAVIGATION_CONDITIONS` maps a URL name to the import path of a function of the
    request.
    """
    conditions: dict[str, str] = getattr(settings, "NAVIGATION_CONDITIONS", {})
    return {name for name, path in conditions.items() if not import_string(path)(request)}


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor of every page.

    Adds ``edge_nav``, ``edge_nav_more`` (those behind "More"), ``edge_nav_more_current`` (whether
    one of them is the page), ``edge_account`` and ``edge_sign_out`` (each an address or empty) and
    ``request_id``.
    """
    destinations = navigation(request.path, _hidden(request))
    more = [item for item in destinations if item.more]
    return {
        "edge_nav": destinations,
        "edge_nav_more": more,
        "edge_nav_more_current": any(item.current for item in more),
        "edge_account": _url(DEFAULT_ACCOUNT),
        "edge_sign_out": _url(getattr(settings, "THESELLER_SIGN_OUT_URL_NAME", DEFAULT_SIGN_OUT)),
        "request_id": request_id_of(request),
    }
