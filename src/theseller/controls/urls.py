"""URLs of the security page."""

from __future__ import annotations

from django.urls import path

from theseller.controls import views

app_name = "controls"
urlpatterns = [
    path("", views.security, name="page"),
    path("page.json", views.security_json, name="page-json"),
    path("<slug:clause>/", views.clause, name="clause"),
]
