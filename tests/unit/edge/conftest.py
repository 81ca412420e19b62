"""Settings for running this room alone; under the project's own settings nothing here applies."""

from __future__ import annotations

import django
from django.conf import settings

from theseller.edge.csp import content_security_policy

if not settings.configured:
    settings.configure(
        SECRET_KEY="only for these tests",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django.contrib.staticfiles", "django_htmx", "csp", "theseller.edge"],
        MIDDLEWARE=[
            "theseller.edge.middleware.RequestIdMiddleware",
            "theseller.edge.middleware.SecurityHeadersMiddleware",
            "csp.middleware.CSPMiddleware",
        ],
        CONTENT_SECURITY_POLICY=content_security_policy(),
        ROOT_URLCONF="tests.unit.edge.specimen_urls",
        STATIC_URL="/static/",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["theseller.edge.context.chrome"]},
            }
        ],
        USE_TZ=True,
        LANGUAGE_CODE="en",
    )
    django.setup()
