"""Acts against §5's egress restriction: unlisted hosts, unused entries, a process without restriction."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.test import override_settings
from tests.sabotage.saboteurs import Tools, breaks

from theseller.lib.egress_guard import Destination, Subprocessor, restrict_egress

_ELSEWHERE = Destination("metrics.example.com", "figures of use")


@breaks("pii-no-sharing", "configures a service of an unlisted subprocessor")
def _unlisted(tools: Tools) -> Iterator[None]:
    del tools
    with override_settings(EGRESS=(*settings.EGRESS, _ELSEWHERE)):
        restrict_egress(settings.EGRESS)
        yield
    restrict_egress(settings.EGRESS)


@breaks("pii-no-sharing", "lists a subprocessor whose host is never called")
def _idle(tools: Tools) -> Iterator[None]:
    del tools
    with override_settings(SUBPROCESSORS=(Subprocessor("Acme", ("metrics.example.com",)),)):
        yield


@breaks("pii-no-sharing", "takes the border of the process away")
def _open_border(tools: Tools) -> Iterator[None]:
    del tools
    restrict_egress(None)
    yield
    restrict_egress(settings.EGRESS)


@breaks("pii-no-sharing", "lets the process connect to one more host than it is configured for")
def _one_more(tools: Tools) -> Iterator[None]:
    del tools
    restrict_egress((*settings.EGRESS, Destination("*.invalid", "an extra host")))
    yield
    restrict_egress(settings.EGRESS)
