"""Addresses of the specimens, under the names that the navigation looks for."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, include, path
from tests.unit.edge.specimens_data import page

from theseller.edge import error_pages
from theseller.edge.views import healthz

_PLACES = {
    "analytics": [("dashboard/", "dashboard", "dashboard"), ("products/", "products", "products")],
    "ingest": [("import/", "import", "import")],
    "connections": [
        ("connection/", "choose", "overview"),
        ("progress/", "progress", "progress"),
        ("disconnect/", "disconnect", "disconnect"),
    ],
    "controls": [("security/", "security", "page"), ("certificate/", "certificate", "certificate")],
    "accounts": [("sign-in/", "signin", "sign-in"), ("sign-out/", "signin", "sign-out")],
}

#: Every screen, by its address.
SCREENS = tuple(
    f"/{route}" for rows in _PLACES.values() for route, _, view in rows if view != "sign-out"
)


def _place(name: str) -> tuple[list[URLPattern], str]:
    return [
        path(route, login_not_required(page), {"name": specimen}, name=view)
        for route, specimen, view in _PLACES[name]
    ], name


@login_not_required
def _error(request: HttpRequest, status: int) -> HttpResponse:
    return error_pages.error_page(request, status)


@login_not_required
def _broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as planned")


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("error/<int:status>/", _error),
    path("broken/", _broken),
    *(path("", include(_place(name))) for name in _PLACES),
]
handler404 = "theseller.edge.views.not_found"
handler500 = "theseller.edge.views.server_error"
