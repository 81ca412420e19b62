"""The web process. It refuses to start on a database role that row security does not bind."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "theseller.config.settings")
application = get_wsgi_application()

from theseller.tenancy.startup import refuse_bypassing_role  # noqa: E402  # needs Django ready

refuse_bypassing_role()
