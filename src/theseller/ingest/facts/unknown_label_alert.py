"""Notice to the operator of labels that this version does not know.

They are labels that Amazon uses for lines of money.
"""

from __future__ import annotations

from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


def report_unclassified(lines: int, *, source: str, stored: bool) -> None:
    """Log how many lines of one document have no known charge type.

    The lines are stored and shown as "Not classified" with their amounts. The log names neither
    labels nor amounts: a label may be free text.

    Args:
        lines: number of such lines.
        source: ``finances``, ``settlement`` or ``transaction_report``.
        stored: whether the document changed anything; what was reported before is not repeated.
    """
    if lines and stored:
        log.error("charge_type_unclassified", source=source, lines=lines)
