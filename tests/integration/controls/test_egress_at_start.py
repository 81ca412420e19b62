"""Web and worker confine themselves when they start, before anything else can happen in them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.demo_deployment import ROOT

_BEGIN = """
import sys
from theseller.lib import egress_guard
from theseller.tenancy import database_startup_checks
def report(*_aliases):
    from django.conf import settings
    allowed = egress_guard.allowed_destinations()
    print(allowed is not None and allowed == settings.EGRESS)
    sys.exit()
database_startup_checks.refuse_unsafe_database = report
"""
_WEB = "import theseller.config.wsgi"
_WORKER = """
import argparse
from theseller.cli.commands import worker
worker.setup_django = lambda role: __import__("django").setup()
worker.run(argparse.Namespace(concurrency=1))
"""


@pytest.mark.parametrize("start", [_WEB, _WORKER], ids=["web", "worker"])
def test_egress_is_restricted_before_the_database_is_opened(start: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + start],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "True", done.stderr
