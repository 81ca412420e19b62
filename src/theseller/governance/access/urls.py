"""Addresses of this slice for a shop; those for operators stand in `governance.urls`."""

from __future__ import annotations

from django.urls import path

from theseller.governance.access import views

app_name = "access"
urlpatterns = [path("", views.activity, name="activity")]
