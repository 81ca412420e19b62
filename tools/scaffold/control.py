"""A new control of the security page, and its fault-injection test."""

from __future__ import annotations

import re

from tools.scaffold.edits import Edits, ScaffoldError, add_to_changelog, template

_CLAUSES = "tests/unit/controls/clauses.txt"
_ID = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")


def add_control(edits: Edits, *, clause: str, section: int, title: str) -> None:
    """Add a control with a new clause.

    Args:
        edits: what is written.
        clause: its ID, such as ``net-cookies``.
        section: of the security page.
        title: shown on the page, without a full stop.

    Raises:
        ScaffoldError: an argument is invalid.
    """
    if not _ID.fullmatch(clause):
        raise ScaffoldError(f"{clause!r}: write the ID in small letters, such as net-cookies")
    clauses = edits.read(_CLAUSES).splitlines(keepends=True)
    if any(line.split()[1] == clause for line in clauses):
        raise ScaffoldError(f"{clause} is listed already: see docs/develop/add-a-control.md")
    inside = [line for line in clauses if line.split()[0] == str(section)]
    if not inside:
        raise ScaffoldError(f"the security page has no section {section}")
    name = clause.replace("-", "_")
    values = {
        "id": clause, "section": str(section), "title": title,
        "lower_title": title[0].lower() + title[1:],
    }  # fmt: skip
    edits.create(f"src/theseller/controls/catalogue/{name}.py", template("control.py", values))
    edits.create(f"tests/sabotage/acts/{name}.py", template("control_act.py", values))
    edits.after(_CLAUSES, inside[-1], f"{section} {clause}\n")
    add_to_changelog(edits, f"The control *{title}*.", section="Security")
