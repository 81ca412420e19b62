"""Addresses of the operator's area. Every view here stands behind `accounts.seats.operated`; a control asks each of them."""

from __future__ import annotations

from django.urls import path

from theseller.governance.access import views as access
from theseller.governance.deletion_requests import views as deletion_requests
from theseller.governance.operators import views as operators

app_name = "operate"
urlpatterns = [
    path("", operators.overview, name="overview"),
    path("access/", access.access, name="access"),
    path("access/open/", access.open_, name="open-access"),
    path("access/<uuid:session>/close/", access.close, name="close-access"),
    path("deletion-requests/", deletion_requests.requests, name="deletion-requests"),
    path("ends/<uuid:subject>/certificate.json", deletion_requests.end_certificate_file, name="end-certificate"),
    path("reviews/", access.review, name="review"),
]
