"""URLs of the import and sync pages."""

from __future__ import annotations

from django.urls import path

from theseller.ingest.imports.views import import_files
from theseller.ingest.sync import views

app_name = "ingest"
urlpatterns = [
    path("", import_files, name="import"),
    path("progress/", views.progress, name="progress"),
]
