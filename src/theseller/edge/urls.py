"""Addresses of the edge, to be included at the root."""

from __future__ import annotations

from django.urls import path

from theseller.edge.views import healthz

app_name = "edge"

urlpatterns = [path("healthz", healthz, name="healthz")]
