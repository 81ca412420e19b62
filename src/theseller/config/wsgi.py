"""WSGI entry point of the web process.

It does not start on a database of another environment, with a role that row security does not
bind, or in production without the texts that name its operator. It checks each of its roles, so
that a missing password or right is found before the first request.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from theseller.edge.request_charset import read_as_utf8

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "theseller.config.settings")
_pages = read_as_utf8(get_wsgi_application())

from django.conf import settings  # needs Django ready  # noqa: E402

from theseller.config.database_settings import served_aliases  # noqa: E402
from theseller.config.host_reporting_and_job_queueing import keep_web_reported  # noqa: E402
from theseller.config.memory_limit import apply_memory_limit  # noqa: E402
from theseller.config.metrics_endpoint import with_metrics  # noqa: E402
from theseller.config.metrics_settings import WEB_METRICS_PORT, metrics_port  # noqa: E402
from theseller.config.operator_on_security_page import require_operator_identity  # noqa: E402
from theseller.config.trace_export import start_traces  # noqa: E402
from theseller.lib.egress_guard import restrict_egress  # noqa: E402
from theseller.tenancy.database_startup_checks import refuse_unsafe_database  # noqa: E402

application = with_metrics(_pages, metrics_port(os.environ, WEB_METRICS_PORT))
require_operator_identity(os.environ)
restrict_egress(settings.EGRESS)
apply_memory_limit(os.environ)
for _alias in served_aliases(settings.ENVIRONMENT.role):
    refuse_unsafe_database(_alias)
keep_web_reported()
start_traces(settings.TRACES_URL, "web")
