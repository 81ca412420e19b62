"""Every address of the product."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from theseller.config.readiness import readyz
from theseller.edge.views import healthz
from theseller.mail.types import MailMode

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("theseller.analytics.urls")),
    path("", include("theseller.accounts.urls")),
    path("connections/", include("theseller.connections.urls")),
    path("imports/", include("theseller.ingest.urls")),
    path("packing-slips/", include("theseller.buyer_pii.urls")),
    path("", include("theseller.erasure.urls")),
    path("security/", include("theseller.controls.urls")),
    path("prober/", include("theseller.controls.prober_reports.urls")),
    path("account/security/", include("theseller.privacy.account_deletion.urls")),
    path("activity/", include("theseller.operators.shop_access.shop_access_log_urls")),
    path("data/", include("theseller.privacy.urls")),
    path("operate/", include("theseller.operators.urls")),
]
if settings.MAIL.mode is MailMode.INBOX:
    # A demo sends no mail: it shows it.
    urlpatterns.append(path("demo-mail/", include("theseller.mail.urls")))

handler400 = "theseller.edge.views.bad_request"
handler403 = "theseller.edge.views.permission_denied"
handler404 = "theseller.edge.views.not_found"
handler500 = "theseller.edge.views.server_error"
