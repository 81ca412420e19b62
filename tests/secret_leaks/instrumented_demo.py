"""The demo of `tests.demo_deployment`, its programs started with the tests' settings.

Its temporary files are below its own folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.demo_deployment import ROOT, Demo, free_ports
from tests.secret_leaks.planted_secrets import VARIABLE
from tests.secret_leaks.recording_amazon import RecordingAmazon, recording_amazon
from typing_extensions import override

#: Fast enough for documents to come at once, slow enough that years of orders need not be searched.
_RATE_SCALE = "60"


@dataclass(slots=True)
class InstrumentedDemo(Demo):
    """The demo with the tests' settings.

    `amazon` is the proxy between the product and the emulated Amazon; `words` are the secrets of
    failing code, kept outside.
    """

    amazon: RecordingAmazon | None = field(default=None)
    words: Path = field(default=Path())

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    @override
    def environ(self) -> dict[str, str]:
        url = self.amazon.url if self.amazon else ""
        return {
            # the property of a class that has slots
            **Demo.environ.fget(self),  # type: ignore[attr-defined]
            "PYTHONPATH": os.pathsep.join(
                str(ROOT / part) for part in ("tests/secret_leaks/inject", "", "src")
            ),
            "TESTS_AMAZON": url,
            VARIABLE: str(self.words),
            "TMPDIR": str(self.temporary),
        }


@contextlib.contextmanager
def instrumented_demo(words: dict[str, str]) -> Iterator[InstrumentedDemo]:
    """Run such a demo for the length of the block.

    From a shell that would let core images be written if it may.
    """
    root = Path(tempfile.mkdtemp(prefix="ts-hiding-"))
    root.chmod(0o711)
    (root / "tmp").mkdir(mode=0o777)
    (root / "tmp").chmod(0o1777)
    with contextlib.ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ts-words-")))
        (outside / "words.json").write_text(json.dumps(words))
        web, emulator = free_ports(2)
        amazon = stack.enter_context(recording_amazon(emulator))
        demo = InstrumentedDemo(
            root, web, emulator, _RATE_SCALE, amazon=amazon, words=outside / "words.json"
        )
        stack.callback(demo.close)
        with images_allowed():
            demo.start()
        yield demo


@contextlib.contextmanager
def images_allowed() -> Iterator[bool]:
    """Let what is started in the block write core images.

    As far as this process may allow it; yield whether it may.
    """
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError):
        yield limits[0] != 0
        return
    try:
        yield True
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
