"""URLs of the connections page and of the authorization at Amazon."""

from __future__ import annotations

from django.urls import path

from theseller.connections import views

app_name = "connections"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("new/", views.choose, name="choose"),
    path("attempts/", views.start, name="start"),
    path("callback/", views.callback, name="callback"),
    path("refused/<str:refusal>/", views.refused, name="refused"),
    path("<uuid:connection>/disconnection/", views.disconnection, name="disconnection"),
]
