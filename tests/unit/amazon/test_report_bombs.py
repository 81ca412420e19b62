"""Files made to take memory or time: each is refused.

In a process that may take 300 MB more than it has and 40 s of CPU.

The limits are the kernel's, so that nothing is measured by a clock. A file whose cost grows with
its square, or that makes an object of each of its bytes, needs gigabytes or minutes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import resource, sys
sys.path.insert(0, {root!r})
from tests.unit.amazon import bombs
from theseller.amazon.reports import inspect_report
from theseller.lib.core_dump_and_memory_limits import limit_memory
data = getattr(bombs, {name!r})()
assert len(data) <= 64 << 20, "larger than an upload may be"
assert limit_memory(300 << 20)
used = resource.getrusage(resource.RUSAGE_SELF)
resource.setrlimit(resource.RLIMIT_CPU, (40 + int(used.ru_utime + used.ru_stime), -1))
# As an upload comes: one block, given again for each reading.
found = inspect_report(lambda: [data])
after = resource.getrusage(resource.RUSAGE_SELF)
print(f"{{after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime:.1f}} s", file=sys.stderr)
print(found.importable, "|", found.why_not)
"""

#: A part of the refusal of each file of `bombs`.
REFUSALS = {
    "gzip_of_many_members": "parts, which no report does",
    "gzip_of_zeros": "binary data",
    "gzip_in_gzip": "compressed twice",
    "empty_zip": "ZIP archive",
    "blank_lines": "lines",
    "rows_that_cannot_be_read": "rows can't be read",
    "settlement_of_distinct_cells": "rows can't be read",
    "promotions_without_end": "in the middle of a row",
    "most_lines_of_orders": "in the middle of a row",
    "most_lines_of_a_settlement": "missing from the file",
    "currencies_without_end": "more currencies",
    "json_empty_rows": "more than 200,000 rows",
    "json_rows_by_product": "more than 200,000 rows",
    "json_rows_of_both_kinds": "more than 200,000 rows",
    "json_list_of_stores": "longer than any of Amazon's",
    "json_row_of_many_fields": "rows can't be read",
    "json_rows_of_new_fields": "rows can't be read",
    "json_amount_of_60000_digits": "rows can't be read",
    "json_amount_with_a_huge_exponent": "rows can't be read",
    "json_amount_with_a_tiny_exponent": "rows can't be read",
    "json_percentage_with_a_huge_exponent": "rows can't be read",
    "json_count_of_4000_digits": "rows can't be read",
    "json_year_1": "no year of Amazon's",
    "json_year_9999": "no year of Amazon's",
    "json_deep": "damaged",
    "json_of_brackets": "sales and traffic report",
    "utf32": "UTF-32",
    "utf16_without_a_mark": "UTF-16 without a byte order mark",
    "utf16_with_null_characters": "null characters",
}
#: Tried by default; the others with `exhaustive`.
_LEAN = (
    "gzip_of_many_members",
    "json_empty_rows",
    "json_list_of_stores",
    "settlement_of_distinct_cells",
)


def _refusal(name: str) -> str:
    program = _PROGRAM.format(root=str(_ROOT), name=name)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.parametrize("name", _LEAN)
def test_a_bomb_is_refused_in_little_memory(name: str) -> None:
    answer = _refusal(name)
    assert answer.startswith("False | "), answer
    assert REFUSALS[name] in answer


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in _LEAN])
def test_each_other_bomb_is_refused_in_little_memory(name: str) -> None:
    answer = _refusal(name)
    assert answer.startswith("False | "), answer
    assert REFUSALS[name] in answer


@pytest.mark.exhaustive
def test_an_honest_file_of_200_000_orders_is_accepted() -> None:
    assert _refusal("honest_orders") == "True |"


@pytest.mark.exhaustive
def test_an_honest_report_of_20_000_products_is_accepted() -> None:
    assert _refusal("honest_traffic") == "True |"
