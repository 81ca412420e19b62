"""Security page, preamble: the page shows no more than was proven.

What it shows is derived a second time, from the evidence alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from html.parser import HTMLParser

from django.db import connections as databases
from django.db import transaction
from django.template.loader import render_to_string
from typing_extensions import override

from theseller.controls import security_page_data
from theseller.controls.probe_tools.probe_context import ProbeContext, Row
from theseller.controls.types import Control, DisplayedControl, Outcome, Status, must_find, verdict
from theseller.lib import code_version, sql_execution
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="page-true",
    section=14,
    title=gettext_noop("This page says no more than was proven"),
    statement=gettext_noop(
        "A clause is green only while the newest evidence says so, is young enough and was gathered"
        " by the program that runs now. No one can set a color: evidence is added by one database"
        " role and can be changed by none."
    ),
    citation="Security page, preamble",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.controls.security_page_data:displayed_status",
        "theseller/controls/sql/tables.sql",
        "theseller/postgres/sql/grants.sql",
    ),
)

_LATEST = """
select control_id, outcome, checked, code_version, collected_at, observations ? 'declared'
from controls_evidence e
where position = (select max(position) from controls_evidence n where n.control_id = e.control_id)
"""
_TRIGGERS = """
select c.relname, count(*) filter (
         where t.tgenabled in ('O', 'A') and t.tgtype & 1 = 1 and t.tgtype & 24 = 24),
       count(*) filter (where t.tgenabled in ('O', 'A') and t.tgtype & 32 = 32)
from pg_class c left join pg_trigger t on t.tgrelid = c.oid
  and t.tgfoid = 'guard.refuse_change'::regproc
where c.oid in ('controls_evidence'::regclass, 'audit_event'::regclass) group by c.relname
"""
_CHANGERS = """
select c.relname, g.privilege_type, coalesce(r.rolname, 'everybody')
from pg_class c cross join lateral (
    select * from aclexplode(c.relacl)
    union all select e.* from pg_attribute a cross join lateral aclexplode(a.attacl) e
      where a.attrelid = c.oid) g
left join pg_roles r on r.oid = g.grantee
where c.oid in ('controls_evidence'::regclass, 'audit_event'::regclass) and g.grantee <> c.relowner
  and (g.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
       or c.relname = 'controls_evidence' and g.privilege_type = 'INSERT' and
          r.rolname is distinct from 'theseller_probe')
"""
_FROM_THE_FUTURE = (
    "select count(*) from (select collected_at from controls_evidence order by position desc limit"
    " 5000) e where collected_at > %s"
)


def probe(context: ProbeContext) -> Outcome:
    """Compare the rendered page with the evidence.

    It also checks who could have changed evidence or the audit log.
    """
    # One snapshot for both: another process may add evidence meanwhile.
    with transaction.atomic(using=context.probe):
        sql_execution.execute(
            databases[context.probe], "set transaction isolation level repeatable read"
        )
        security_page = security_page_data.security_page(context.at, using=context.probe)
        latest = {row[0]: row[1:] for row in context.rows(_LATEST)}
    html = render_to_string(
        "controls/page.html", security_page_data.template_context(security_page, public_keys=())
    )
    shown = _Reader.read(html)
    listed = {one.id: one for one in security_page.controls}
    proven = {
        name
        for name in shown
        if name in listed and _is_proven(context, latest.get(name), listed[name].freshness)
    }
    flipped = {name: "unknown" if name in proven else Status.PASSED for name in shown}
    must_find(
        len([*_wrong_statuses(context, flipped, latest, listed)]) >= len(flipped) > 0,
        "a page whose every color is wrong",
    )
    failures = [*_wrong_statuses(context, shown, latest, listed), *_changeable(context)]
    json_says = {
        one["id"]: one["outcome"]
        for one in security_page_data.as_json_document(security_page)["controls"]
    }
    failures += [
        f"{name} is shown otherwise as JSON."
        for name in json_says
        if json_says[name] != shown.get(name)
    ]
    if context.number(_FROM_THE_FUTURE, [context.at + timedelta(minutes=2)]):
        failures.append("There is evidence that is dated in the future.")
    return verdict(
        len(shown),
        failures,
        f"All {len(shown)} clauses on the page were derived again from the evidence alone and"
        " agree; evidence can be added by one role only.",
        clauses=len(shown),
        green=sum(word == Status.PASSED for word in shown.values()),
        pieces_of_evidence=len(latest),
    )


def _wrong_statuses(
    context: ProbeContext,
    shown: Mapping[str, str],
    latest: Mapping[str, Row],
    listed: Mapping[str, DisplayedControl],
) -> Iterator[str]:
    for name in sorted(set(shown) ^ set(listed)):
        yield f"{name} is on the page or in the catalog, but not in both."
    for name, word in shown.items():
        control = listed.get(name)
        proven = _is_proven(context, latest.get(name), control.freshness if control else None)
        if word in {Status.PASSED, Status.DECLARED} and not proven:
            yield f"{name} is shown as met, and the evidence does not say so."
        elif proven and word != (Status.DECLARED if latest[name][-1] else Status.PASSED):
            yield f"{name} is shown as {word}, and the evidence says otherwise."


def _is_proven(context: ProbeContext, evidence: Row | None, freshness: timedelta | None) -> bool:
    """Return whether the evidence proves the control.

    Written from the clause's text, independently of `security_page_data.displayed_status`.
    """
    if evidence is None or freshness is None:
        return False
    outcome, checked, version, collected, _declared = evidence
    age = context.at - collected
    return bool(
        outcome == "met"
        and checked > 0
        and version == code_version.code_version()
        and timedelta(minutes=-1) <= age <= freshness
    )


def _changeable(context: ProbeContext) -> Iterator[str]:
    for table, against_change, against_truncation in context.rows(_TRIGGERS):
        if against_change < 1 or against_truncation < 1:
            yield f"The guard that keeps {table} append-only is off."
    for table, privilege, role in context.rows(_CHANGERS):
        yield f"{role} may {str(privilege).lower()} {table}."


class _Reader(HTMLParser):
    """Reads what the page says: each clause's element id and its status."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: dict[str, str] = {}

    @classmethod
    def read(cls, html: str) -> dict[str, str]:
        reader = cls()
        reader.feed(html)
        return reader.controls

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        if tag == "article" and "control" in classes and given.get("id"):
            word = next(name.removeprefix("is-") for name in classes if name.startswith("is-"))
            self.controls[str(given["id"])] = "not_applicable" if word == "notapplicable" else word
