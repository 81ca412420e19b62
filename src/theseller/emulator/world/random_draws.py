"""Repeatable random numbers and choices, drawn from a seed.

Each is drawn from a text, so that the same call returns the same value in every process.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def stream(seed: int, *parts: object) -> Random:
    """Return a generator of its own for the thing that `parts` name."""
    return Random(":".join(str(part) for part in (seed, *parts)))


def number(seed: int, *parts: object, below: int) -> int:
    """Return a whole number in [0, below) that belongs to `parts`.

    Cheaper than `stream` for a single draw.
    """
    digest = hashlib.blake2b(
        ":".join(str(part) for part in (seed, *parts)).encode(), digest_size=8
    ).digest()
    return int.from_bytes(digest) % below


def share(seed: int, *parts: object) -> float:
    """Return a number in [0, 1) that belongs to `parts`."""
    return number(seed, *parts, below=1 << 53) / (1 << 53)


def identifier(seed: int, *parts: object, length: int = 43) -> str:
    """Return an opaque identifier of the kind that Amazon uses.

    URL-safe base64 of a hash.
    """
    digest = hashlib.sha256(":".join(str(part) for part in (seed, *parts)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")[:length]


def poisson(random: Random, mean: float) -> int:
    """Draw a count with the given mean.

    Knuth's product method; the mean is split so that no product underflows.
    """
    count = 0
    while mean > 0:
        part = min(mean, 50.0)
        mean -= part
        limit, product = math.exp(-part), random.random()
        while product > limit:
            count += 1
            product *= random.random()
    return count


def pick(random: Random, options: Sequence[tuple[T, float]]) -> T:
    """Draw one of `options`, each given with its share.

    Shares need not sum to one.
    """
    mark = random.random() * sum(weight for _, weight in options)
    for option, weight in options:
        mark -= weight
        if mark < 0:
            return option
    return options[-1][0]
