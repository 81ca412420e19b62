"""Read by Python at the start of each process that has this folder in PYTHONPATH.

That is the demo of `instrumented_demo.py`, and nothing else.

The demo's programs are the real ones, started by the real supervisor; only their settings are those
of the tests, which add addresses and jobs that fail with a secret in their hands. The product has
no switch for it.
"""

from __future__ import annotations

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.secret_leaks.settings"
