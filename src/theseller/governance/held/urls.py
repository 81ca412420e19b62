"""Addresses of this slice."""

from __future__ import annotations

from django.urls import path

from theseller.governance.held import views
from theseller.governance.shop_end import views as shop_end

app_name = "held"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("deletion/", shop_end.shop_end, name="shop-end"),
    path("export/", views.export_file, name="export"),
]
