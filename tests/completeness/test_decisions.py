"""Each decision record has a number, a status and a date.

docs/decisions/README.md lists them; THESELLER_WRITE_DOCS=1 writes the list.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
_HEAD = """# Decisions

Written by `THESELLER_WRITE_DOCS=1 .venv/bin/pytest tests/completeness/test_decisions.py` \
from the records' first lines. A record that is replaced stays,
with the status `replaced by NNNN`. A new record begins with its title, `# NNNN Title`, \
and a line `Status: accepted, YYYY-MM-DD`.

| number | decision | status | date |
|---|---|---|---|
"""
_STATUS = re.compile(
    r"\A# (\d{4}) (.+)\n\nStatus: (proposed|accepted|replaced by \d{4}), (\d{4}-\d{2}-\d{2})\n"
)


def test_the_index_lists_every_decision_with_status_and_date() -> None:
    lines = []
    for path in sorted(FOLDER.glob("[0-9]*.md")):
        head = _STATUS.match(path.read_text())
        assert head, (
            f"{path.name} does not begin with `# NNNN Title`, an empty line and `Status: accepted,"
            " YYYY-MM-DD`"
        )
        number, title, status, date = head.groups()
        assert path.name.startswith(f"{number}-"), path.name
        lines.append(f"| [{number}]({path.name}) | {title} | {status} | {date} |\n")
    assert [line[3:7] for line in lines] == [f"{number:04}" for number in range(1, len(lines) + 1)]
    text = _HEAD + "".join(lines)
    if os.environ.get("THESELLER_WRITE_DOCS"):
        (FOLDER / "README.md").write_text(text)
    assert (FOLDER / "README.md").read_text() == text
