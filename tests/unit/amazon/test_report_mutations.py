"""No cell of an unread column comes out of any changed file.

Not in what is found, an error, its causes, a log or a row.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from datetime import date

import pytest
from tests.unit.amazon.report_fixtures.mutations import CANARY, Mutant, mutants

from theseller.amazon.reports import (
    Inspection,
    Options,
    ReportRefusedError,
    ReportStream,
    Stated,
    inspect_report,
    read_report,
    stream_report,
)
from theseller.lib.marketplaces import by_code

#: Of files that do not say it themselves: without it, their rows are read and not returned.
_STATED = Stated(by_code("DE"), date(2026, 3, 1), date(2026, 3, 1))


def _content(error: BaseException) -> str:
    """Return all that an exception holds: texts, arguments, attributes, and those of whatever led to it."""
    parts, seen, left = [], set(), [error]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        parts += [
            str(one),
            repr(one),
            repr(one.args),
            repr(vars(one)),
            repr(getattr(one, "object", "")),
        ]
        left += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "\n".join([*parts, "".join(traceback.format_exception(error))])


def _check(mutant: Mutant) -> tuple[Inspection, str]:
    """Read `mutant` in each way there is; return what was found, and how it ended."""
    found = inspect_report([mutant.data], filename="report.txt")
    stated = inspect_report([mutant.data], stated=_STATED)
    outputs = [repr(found), found.to_json().decode(), repr(found.as_dict()), repr(stated)]
    end = "read"
    try:
        report = read_report([mutant.data], allow_refused_rows=True)
        if not mutant.moved:
            outputs.append(repr(list(report.rows())))
    except ReportRefusedError as error:
        assert error.__context__ is None
        outputs.append(_content(error))
        end = "refused"
    try:
        stream: ReportStream = stream_report([mutant.data], Options(stated=_STATED))
        for batch in stream.batches():
            outputs += [] if mutant.moved else [repr(batch)]
    except ReportRefusedError as error:
        outputs.append(_content(error))
    for output in outputs:
        leak = CANARY.search(output)
        assert leak is None, (
            f"mutant {mutant.number} ({mutant.what}):"
            f" …{output[max(0, leak.start() - 80) : leak.end() + 20]}…"
        )
    assert found.importable != bool(found.why_not)
    assert not found.why_not or found.advice
    return found, end


def _run(first: int, count: int, caplog: pytest.LogCaptureFixture) -> Counter[str]:
    caplog.set_level(logging.DEBUG)
    ends: Counter[str] = Counter()
    for mutant in mutants(first, count):
        found, end = _check(mutant)
        ends[end] += 1
        ends["dropped columns"] += len(found.columns_dropped)
    assert not CANARY.search(caplog.text)
    return ends


def test_no_cell_of_an_unread_column_comes_out_of_a_changed_file(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ends = _run(0, 500, caplog)
    assert (
        min(ends["read"], ends["refused"], ends["dropped columns"]) > 60
    )  # An eighth; else nothing was tried.


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", range(500, 20_500, 4_000))
def test_no_cell_comes_out_of_twenty_thousand_changed_files(
    first: int, caplog: pytest.LogCaptureFixture
) -> None:
    ends = _run(first, 4_000, caplog)
    assert min(ends["read"], ends["refused"], ends["dropped columns"]) > 500


def test_a_file_is_read_the_same_way_each_time_and_however_it_is_cut_into_pieces() -> None:
    for mutant in mutants(30_000, 60):
        whole = inspect_report([mutant.data])
        assert whole == inspect_report([mutant.data])
        assert whole == inspect_report(
            [mutant.data[at : at + 7] for at in range(0, len(mutant.data), 7)]
        ), mutant.number
