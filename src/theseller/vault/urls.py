"""Addresses of this room. None holds an order's number: which orders are meant stands in the body of a POST."""

from __future__ import annotations

from django.urls import path

from theseller.vault import switches, views

app_name = "vault"
urlpatterns = [
    path("", views.orders, name="orders"),
    path("requests/", views.ask, name="ask"),
    path("looks/", switches.who_looked, name="looks"),
    path("print/", views.print_slips, name="print"),
    path("<uuid:connection>/on/", switches.switch_on, name="switch-on"),
    path("<uuid:connection>/off/", switches.switch_off, name="switch-off"),
]
