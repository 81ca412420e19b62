"""Commands of the guides, as an operator copies them."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

from tests.demo_deployment import ROOT

_BLOCK = re.compile(
    r"^(?P<indent> *)```sh\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
#: What the documents leave to the reader, and what it is on the test's host.
READER = {
    "REPOSITORY": "file:///srv/theseller.git",
    "your.host.name": "shop.example",
    "YOUR-DOMAIN": "shop.internal",
}


def commands(document: str, heading: str) -> list[str]:
    """Return the blocks of commands of one section, in order.

    Args:
        document: its name in docs/operate.
        heading: how the section's heading begins, without its number signs.
    """
    text = (ROOT / "docs" / "operate" / document).read_text(encoding="utf-8")
    sections = re.split(r"^#+ ", text, flags=re.MULTILINE)
    (section,) = (one for one in sections if one.startswith(heading))
    found = [textwrap.dedent(one["text"]) for one in _BLOCK.finditer(section)]
    assert found, f"{document} has no commands in the section {heading!r}"
    return [_completed(one) for one in found]


def _completed(block: str) -> str:
    for written, here in READER.items():
        block = block.replace(written, here)
    return block


def clone_of_this_repository(folder: Path) -> Path:
    """Return a bare clone of the last commit, which the host clones again."""
    target = folder / "theseller.git"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--no-hardlinks", str(ROOT), str(target)], check=True
    )
    return target
