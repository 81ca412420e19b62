"""The product's settings, with addresses and jobs that fail on purpose.

Its Amazon repeats what it receives.
"""

from __future__ import annotations

import os

from theseller.amazon.endpoints import Endpoints
from theseller.config import settings as product
from theseller.config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.secret_leaks.urls"
PROCRASTINATE_ON_APP_READY = "tests.secret_leaks.failing_jobs.on_app_ready"
if product.ENVIRONMENT.emulator_url:
    AMAZON_ENDPOINTS = Endpoints.emulated(os.environ["TESTS_AMAZON"])
