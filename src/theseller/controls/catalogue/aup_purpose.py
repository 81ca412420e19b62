"""Security page §1: Amazon's data serves the chosen features only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from theseller.amazon.feature_requirements import OFFERED
from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.ingest.sync.streams.registry import KINDS
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="aup-purpose",
    section=1,
    title=gettext_noop("Data serves the features you chose, and nothing else"),
    statement=gettext_noop(
        "Everything that is pulled from Amazon comes by a stream of a fixed list, and each stream"
        " belongs to a feature. A connection has the streams of the features that its seller"
        " ticked, and no others."
    ),
    citation="Security page §1; Acceptable Use Policy 2",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.ingest.sync.streams.registry:streams_of",
        "theseller.ingest.sync.stream_creation_and_due_streams:plan",
        "theseller.amazon.feature_requirements:OFFERED",
    ),
    after=(Tag.CONNECTION_AUTHORISED,),
)

_STREAMS = """
select s.name, c.features, c.origin, count(*) from ingest_stream s
join connections_connection c on c.tenant_id = s.tenant_id and c.id = s.connection_id
where not exists (select from connections_disconnection d
  where d.tenant_id = c.tenant_id and d.connection_id = c.id)
group by 1, 2, 3
"""


def probe(context: ProbeContext) -> Outcome:
    """Compare the streams of open connections with their features' needs."""
    found = context.rows(_STREAMS)
    failures = [
        problem
        for name, features, origin, number in found
        for problem in _problems(name, features, origin, number)
    ]
    streams = sum(number for *_, number in found)
    must_find(
        [*_problems("planted", [], "lwa", 1)], "a stream of a kind that this version does not have"
    )
    must_find(
        [*_problems(next(iter(KINDS)), [], "lwa", 1)], "a stream of a feature that no seller chose"
    )
    return verdict(
        streams,
        failures,
        f"{streams} stream(s) run, each of a feature that its seller chose.",
        streams=streams,
        kinds=sorted({name for name, *_ in found}),
    )


def _problems(name: str, features: list[str], origin: str, number: int) -> Iterator[str]:
    kind = KINDS.get(name)
    if kind is None:
        yield f"{number} stream(s) are of a kind that this version does not have."
    elif origin != "lwa":
        yield f"{number} stream(s) belong to a connection that Amazon never authorized."
    elif not any(
        kind.flow in OFFERED[feature].streams for feature in features if feature in OFFERED
    ):
        yield f"{number} stream(s) ({name}) serve a feature that the seller did not choose."
