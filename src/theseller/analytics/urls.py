"""URLs of the dashboard, the products and the page of one day."""

from __future__ import annotations

from django.urls import path

from theseller.analytics.pages import views

app_name = "analytics"
urlpatterns = [
    path("", views.start, name="dashboard"),
    path("products/", views.products, name="products"),
    path("days/<str:day>/", views.day, name="day"),
]
