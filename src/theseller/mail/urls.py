"""Paths of a demo's inbox."""

from __future__ import annotations

from django.urls import path

from theseller.mail import views

app_name = "mail"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<uuid:message>/", views.message, name="message"),
    path("<uuid:message>/html/", views.message_html, name="message-html"),
]
