"""Addresses of the specimens, under the names that the navigation looks for."""

from __future__ import annotations

from django.contrib.staticfiles.views import serve
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path

from tests.unit.edge import specimens_data
from theseller.edge import errors


def _static(request: HttpRequest, path: str) -> HttpResponse:
    return serve(request, path, insecure=True)  # type: ignore[return-value]


def _place(name: str) -> tuple[list[object], str]:
    return ([path(route, specimens_data.page, {"name": specimen}, name=view) for route, specimen, view in _PLACES[name]], name)


_PLACES = {
    "analytics": [("dashboard/", "dashboard", "dashboard"), ("products/", "products", "products")],
    "ingest": [("import/", "import", "import")],
    "connections": [
        ("connection/", "choose", "overview"),
        ("progress/", "progress", "progress"),
        ("disconnect/", "disconnect", "disconnect"),
    ],
    "controls": [("security/", "security", "page"), ("certificate/", "certificate", "certificate")],
    "accounts": [("sign-out/", "signin", "sign-out"), ("sign-in/", "signin", "sign-in")],
}

urlpatterns = [
    re_path(r"^static/(?P<path>.*)$", _static),
    path("", include("theseller.edge.urls")),
    *(path("", include(_place(name))) for name in _PLACES),
    path("error/<int:status>/", lambda request, status: errors.error_page(request, status)),
]
handler404 = "theseller.edge.errors.page_not_found"
