"""Section 14: the page itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.controls import security_page_data
from theseller.controls.types import Status

for _does, _broken, _repaired in (
    ("lets the web add evidence",
     "grant insert on controls_evidence to theseller_web",
     "revoke insert on controls_evidence from theseller_web"),
    ("lets the probe change evidence",
     "grant update (outcome) on controls_evidence to theseller_probe",
     "revoke update (outcome) on controls_evidence from theseller_probe"),
):  # fmt: skip
    sql("page-true", _does, _broken, _repaired, also=("cred-least-privilege",))
for _does, _broken, _repaired in (
    ("switches off the guard of the evidence",
     "alter table controls_evidence disable trigger append_only",
     "alter table controls_evidence enable trigger append_only"),
    ("switches off the guard of the audit log",
     "alter table audit_event disable trigger append_only_whole",
     "alter table audit_event enable trigger append_only_whole"),
):  # fmt: skip
    sql("page-true", _does, _broken, _repaired)


@breaks("page-true", "draws unproven clauses in green")
def _lies(tools: Tools) -> Iterator[None]:
    original = security_page_data._without_probe
    tools.patch.setattr(
        security_page_data,
        "_without_probe",
        lambda pending: replace(original(pending), outcome=Status.PASSED),
    )
    yield
