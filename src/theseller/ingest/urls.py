"""Addresses of this room."""

from __future__ import annotations

from django.urls import path

from theseller.ingest import import_views, views

app_name = "ingest"
urlpatterns = [
    path("", import_views.import_files, name="import"),
    path("progress/", views.progress, name="progress"),
]
