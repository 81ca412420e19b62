"""Addresses of this slice."""

from __future__ import annotations

from django.urls import path

from theseller.governance.account_end import views

app_name = "account-end"
urlpatterns = [
    path("deletion/", views.account_end, name="account-end"),
    path("ownership/<uuid:tenant>/", views.hand_over, name="hand-over"),
]
