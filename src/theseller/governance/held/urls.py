"""Addresses of this slice."""

from __future__ import annotations

from django.urls import path

from theseller.governance.held import views

app_name = "held"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("export/", views.export_file, name="export"),
]
