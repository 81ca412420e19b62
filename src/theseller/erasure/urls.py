"""Paths of the pages of erasures."""

from __future__ import annotations

from django.urls import path

from theseller.erasure import views

app_name = "erasure"
urlpatterns = [
    path("connections/<uuid:connection>/erasure/", views.erasure, name="erasure"),
    path(
        "connections/<uuid:connection>/certificate.json", views.certificate_file, name="certificate"
    ),
    path("certificates/<str:token>/", views.linked_erasure, name="end-proof"),
]
