"""Find words of the reject list in names, prose of the code, pages and documents.

Run `python -m tests.style.vocabulary [path …]` to print each finding as `path:line: found → write`.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Parts of a name between underscores or capitals, and what to write instead.
NAMES = {
    "house": "codebase",
    "room": "package",
    "seat": "membership",
    "seats": "memberships",
    "seated": "authenticated",
    "standing": "authentication state",
    "knock": "guard probe",
    "knocks": "guard probes",
    "knocking": "guard probe",
    "visit": "access session",
    "visits": "access sessions",
    "looks": "access log",
    "wish": "request",
    "wishes": "requests",
    "nudge": "enqueue",
    "held": "stored",
    "asked": "requested",
    "told": "notified, message",
    "keeper": "store, schedule",
    "hands": "context",
    "workplace": "context",
    "dies": "expires",
    "dead": "expired",
    "death": "expiry",
    "gone": "deleted",
    "forget": "delete, expire",
    "forgotten": "deleted, expired",
    "believed": "accepted",
    "anew": "again",
    "nobody": "no one",
    "whoever": "anyone",
    "finer": "product partitions",
    "sentences": "messages",
    "olga": "operator",
}
#: Whole names of modules and folders.
MODULES = {
    "cleaning": "sanitize",
    "rewriting": "vacuum",
    "residue": "residual_scan",
    "entries": "erasure_journal",
    "words": "labels",
    "texts": "labels",
    "places": "navigation, state_files",
    "place": "encryption_context",
    "kinds": "charge_types",
    "stock": "inventory, traffic, documents",
    "books": "rollup_parameters",
    "ages": "expiry",
    "dated": "timestamped_secrets",
    "live": "cached_value",
    "world": "context",
    "throwaway": "ephemeral_keys",
    "unregistered": "inventory_drift",
    "tidy": "style",
    "hiding": "secret_leaks",
}
#: Phrases of prose (regular expressions, any case), and what to write instead.
PROSE = {
    r"(the|this) house": "the codebase",
    r"honest(y|ly)?": "true, original",
    r"strangers?": "anyone, others, an unauthenticated client",
    r"rooms?": "package",
    r"seats?|seated": "membership",
    r"standing": "authentication state",
    r"knock(s|ed|ing)?": "send a request to",
    r"whoever": "anyone who",
    r"nobody": "no one",
    r"somebody": "someone",
    r"anew": "again",
    r"wish(es|ed)?": "request",
    r"nudg(e|es|ed|ing)": "enqueue",
    r"die|dies|died|dying": "expire, end",
    r"day of death": "expiry date",
    r"dead": "expired",
    r"gone": "deleted, missing",
    r"forget|forgets|forgot|forgotten": "delete, expire, omit",
    r"believ(e|es|ed|ing)|disbeliev(e|es|ed)": "accept, trust",
    r"stands": "is, exists, is valid",
    r"(stand|stood) (in|on|beside|there|so)": "is, be",
    r"keepers?": "store, schedule",
    r"workplace": "context",
    r"look(s|ed|ing)? on": "observe",
    r"(is|are|was|were) looked at": "is checked",
    r"(is|are|was|were) told": "is notified",
    r"two books": "two bases (order date, posted date)",
    r"end of (a|the|their|an) (shop|account|person|tenant|user)": (
        "tenant deletion, account deletion"
    ),
    r"of this room|the rooms?": "of this package",
    r"held of": "stored about",
    r"speaks? (to|for|http|outward)": "connects to, calls",
    r"residue": "residual data",
    r"shop's number": "shop ID",
}
#: Terms that contain a word of the list and are standard.
STANDARD = re.compile(
    r"long-standing|notwithstanding|understanding|dead letters?|deadlock\w*|deadline\w*|head"
    r" ?room|by hand|second-hand|on the other hand|dead tuples?|dead code|kiosk"
    # German labels of Amazon's
    r"|die auszahlung|die überweisung",
    re.IGNORECASE,
)
_PROSE = [
    (re.compile(rf"(?<![\w.-])(?:{pattern})(?![\w-])", re.IGNORECASE), write)
    for pattern, write in PROSE.items()
]
#: Quick to say that a line holds none of them.
_ANY = re.compile(rf"(?<![\w.-])(?:{'|'.join(PROSE)})(?![\w-])", re.IGNORECASE)
_CODE = re.compile(r"`[^`]*`|\{[^{}]*\}|\S*[_/\\]\S*|\b[a-z]+\.[a-z]+\S*")


@dataclass(frozen=True, order=True)
class Finding:
    """One use of a word of the reject list."""

    path: str
    line: int
    found: str
    write: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.found!r} → {self.write}"


def tracked(*suffixes: str) -> list[str]:
    """Return the files of the checkout with one of `suffixes`, except what is frozen.

    Frozen are migrations, their SQL and recorded releases.
    """
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [
        name
        for name in names
        if name.endswith(suffixes) and (ROOT / name).is_file() and not _frozen(name)
    ]


def _frozen(name: str) -> bool:
    return bool(
        re.search(
            r"/migrations/\d|^src/theseller/(?!postgres/)\w+/sql/|^tests/upgrades/|^CHANGELOG"
            r"|^docs/data-map|/vocabulary\.py$|/test_wording\.py$",
            name,
        )
    )


def names_in(path: str, text: str) -> Iterator[Finding]:
    """Yield findings in the names that the module `path` defines.

    Itself, its classes, functions, arguments and assigned names.
    """
    stem = Path(path).stem
    if stem in MODULES:
        yield Finding(path, 1, stem, MODULES[stem])
    yield from _parts(path, 1, stem)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _parts(path, node.lineno, node.name)
        elif isinstance(node, ast.arg):
            yield from _parts(path, node.lineno, node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield from _parts(path, node.lineno, node.id)


def _parts(path: str, line: int, name: str) -> Iterator[Finding]:
    for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name):
        if part.lower() in NAMES:
            yield Finding(path, line, name, NAMES[part.lower()])


def prose_in(path: str, line: int, text: str) -> Iterator[Finding]:
    """Yield findings in a text that people read.

    Code in it (in back-quotes, with underscores or slashes) is left out.
    """
    for offset, one in enumerate(text.splitlines()):
        if not _ANY.search(one):
            continue
        plain = STANDARD.sub(" ", _CODE.sub(" ", one))
        for pattern, write in _PROSE:
            yield from (
                Finding(path, line + offset, match.group(), write)
                for match in pattern.finditer(plain)
            )


def python_prose(path: str, text: str) -> Iterator[Finding]:
    """Yield findings in comments, docstrings and other strings of more than one word."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_text = token.type == tokenize.STRING and " " in token.string.strip()
        if is_text or token.type == tokenize.COMMENT:
            yield from prose_in(path, token.start[0], token.string)


def _translatable(tag: re.Match[str]) -> str:
    """Return the texts that a template tag translates, and its line ends."""
    literals = re.findall(r"""(?:translate |_\()("[^"\n]*"|'[^'\n]*')|(\n)""", tag.group())
    return " ".join(("", *(text or line_end for text, line_end in literals), ""))


def template_prose(path: str, text: str) -> Iterator[Finding]:
    """Yield findings in what a template shows: its text without tags, attributes of code, variables."""
    shown = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", _translatable, text, flags=re.DOTALL)
    shown = re.sub(
        r"\b(class|id|href|name|for|src|action|data-[\w-]+|hx-[\w-]+)=(\"[^\"]*\"|'[^']*')",
        " ",
        shown,
    )
    yield from prose_in(path, 1, re.sub(r"</?[\w-]+|/?>", " ", shown))


def findings(paths: list[str] | None = None) -> list[Finding]:
    """Return every finding in `paths`, or in the whole checkout."""
    found: list[Finding] = []
    for path in paths or tracked(".py", ".html", ".md", ".sql"):
        text = (ROOT / path).read_text()
        if path.endswith(".py"):
            found += [*names_in(path, text), *python_prose(path, text)]
        elif path.endswith(".html"):
            found += [*_parts(path, 1, Path(path).stem), *template_prose(path, text)]
        else:
            found += prose_in(path, 1, text)
    return sorted(set(found))


if __name__ == "__main__":
    sys.stdout.writelines(
        f"{one}\n" for one in findings([a for a in sys.argv[1:] if not a.startswith("-")] or None)
    )
