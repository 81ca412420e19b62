"""URLs. None contains an order number: those are in the body of a POST."""

from __future__ import annotations

from django.urls import path

from theseller.buyer_pii import packing_slip_owner_views, views

app_name = "buyer_pii"
urlpatterns = [
    path("", views.orders, name="orders"),
    path("requests/", views.request_slips_view, name="request-slips"),
    path("looks/", packing_slip_owner_views.slip_view_log, name="slip-views"),
    path("print/", views.print_slips, name="print"),
    path("<uuid:connection>/on/", packing_slip_owner_views.enable, name="enable"),
    path("<uuid:connection>/off/", packing_slip_owner_views.disable, name="disable"),
]
