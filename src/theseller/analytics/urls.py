"""URLs of the dashboard, products, days and orders."""

from __future__ import annotations

from django.urls import path

from theseller.analytics.pages import order_views, views

app_name = "analytics"
urlpatterns = [
    path("", views.start, name="dashboard"),
    path("products/", views.products, name="products"),
    path("orders/", order_views.orders, name="orders"),
    path("orders/<str:order>/", order_views.order, name="order"),
    path("days/<str:day>/", views.day, name="day"),
]
