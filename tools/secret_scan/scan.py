"""Application of the rules to every reading of a file.

Also the list of what is allowed. A finding has a position and a kind, never a value.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector

from tools.secret_scan.decode import Piece, pieces
from tools.secret_scan.rules import RULES

# That library writes a log of its own to the error stream of the program that imports it: it would
# quote what it found.
logging.getLogger("detect-secrets").handlers.clear()

BYTES_MAX = 2_000_000
"""A larger file is a finding by itself.

It could not be scanned in bounded time, and no file of this repository is so large.
"""

_OTHERS: tuple[RegexBasedDetector, ...] = (
    ArtifactoryDetector(),
    DiscordBotTokenDetector(),
    GitHubTokenDetector(),
    GitLabTokenDetector(),
    MailchimpDetector(),
    PrivateKeyDetector(),
    SlackDetector(),
    SquareOAuthDetector(),
    StripeDetector(),
)
"""Rules of detect-secrets, in addition to our own.

They know formats that ours lack, and shapes that ours take too narrowly. Its rules for OpenAI and
npm are left out: a hostile line of 2 MB takes them hours.
"""


@dataclass(frozen=True, order=True)
class Finding:
    """Position and kind of a secret.

    `encoding`: how it is written there.
    """

    path: str
    line: int
    rule: str
    encoding: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}" + (
            "" if self.encoding == "plain" else f" ({self.encoding})"
        )


@dataclass(frozen=True)
class Allowed:
    """An entry of allowed.txt.

    Files whose path matches the glob may contain what the rule finds, for a reason.
    """

    glob: str
    rule: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Say whether the entry allows the finding."""
        return finding.rule == self.rule and fnmatchcase(finding.path, self.glob)


def look(path: str, data: bytes) -> list[Finding]:
    """Return the findings in a file, one for each line and rule, in order.

    `data`: its bytes, or the first BYTES_MAX + 1 of them.
    """
    if len(data) > BYTES_MAX:
        return [Finding(path, 1, "too-large", "plain")]
    found: dict[tuple[int, str], Finding] = {}
    for piece in pieces(data):
        for line, rule in _kinds(piece):
            found.setdefault((line, rule), Finding(path, line, rule, piece.encoding))
    return sorted(found.values())


def _kinds(piece: Piece) -> Iterator[tuple[int, str]]:
    lowered = piece.text.lower()
    lines = set()
    for rule in RULES:
        for start in rule.matches(piece.text, lowered):
            line = _line(piece, start)
            lines.add(line)
            yield line, rule.name
    for other in _OTHERS:
        for value in other.analyze_string(piece.text):
            line = _line(piece, piece.text.find(value))
            if line not in lines:
                yield line, other.secret_type.lower().replace(" ", "-")


def _line(piece: Piece, start: int) -> int:
    return piece.line + (piece.text.count("\n", 0, start) if piece.many else 0)


def read_allowed(file: Path) -> tuple[Allowed, ...]:
    """Return the entries of an allow list.

    Each line is `path glob | rule | reason`; a line that begins with # is a remark.

    Raises:
        ValueError: a line has another form; the message names it.
    """
    entries = []
    for number, line in enumerate(file.read_text().splitlines() if file.is_file() else (), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{file.name}:{number}: want `path glob | rule | reason`")
        entries.append(Allowed(*parts))
    return tuple(entries)


def sift(
    findings: Iterable[Finding], allowed: tuple[Allowed, ...]
) -> tuple[list[Finding], list[Allowed]]:
    """Return what no entry allows, and the entries that allow nothing."""
    left, used = [], set()
    for finding in findings:
        covering = [entry for entry in allowed if entry.covers(finding)]
        used.update(covering)
        if not covering:
            left.append(finding)
    return left, [entry for entry in allowed if entry not in used]
