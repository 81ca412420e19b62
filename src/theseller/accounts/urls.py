"""Addresses of this room."""

from __future__ import annotations

from django.urls import path

from theseller.accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("no-shop/", views.no_shop, name="no-shop"),
    path("seats/<uuid:tenant>/", views.take_seat, name="take-seat"),
]
