"""URLs for probers."""

from __future__ import annotations

from django.urls import path

from theseller.controls.prober_reports import views

app_name = "prober"
urlpatterns = [
    path("runs/", views.begin_run, name="runs"),
    path("reports/", views.deliver_report, name="reports"),
]
