"""URLs of the operator area.

Each view requires an operator, which the control cred-operator-mfa tests.
"""

from __future__ import annotations

from django.urls import path

from theseller.operators.deletion_requests import views as deletion_requests
from theseller.operators.deployment_status import views as status
from theseller.operators.overview import views as operators
from theseller.operators.shop_access import views as access
from theseller.operators.shops import views as shops
from theseller.operators.undelivered_mail import views as mail

app_name = "operators"
urlpatterns = [
    path("", operators.overview, name="overview"),
    path("access/", access.sessions_page, name="sessions"),
    path("access/open/", access.open_session, name="open-session"),
    path("access/<uuid:session>/close/", access.close_session, name="close-session"),
    path("deletion-requests/", deletion_requests.requests, name="deletion-requests"),
    path(
        "ends/<uuid:subject>/certificate.json",
        deletion_requests.end_certificate_file,
        name="end-certificate",
    ),
    path("mail/", mail.undelivered, name="mail"),
    path("mail/<uuid:message>/again/", mail.again, name="mail-again"),
    path("status/", status.status, name="status"),
    path("shops/", shops.shops_page, name="shops"),
    path("shops/new/", shops.new_shop, name="new-shop"),
    path("shops/<uuid:tenant>/owner/", shops.first_owner, name="first-owner"),
    path("reviews/", access.review, name="review"),
]
