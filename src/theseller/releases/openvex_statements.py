"""Statements that an advisory does not apply, in OpenVEX.

Source: OpenVEX specification 0.2.0, "Statement" and "Status Labels".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

_CONTEXT = "https://openvex.dev/ns"
_BYTES_MAX = 4 << 20
#: The status labels that say that nothing is to be done.
_ACCEPTING = frozenset({"not_affected", "fixed"})
_LABELS = _ACCEPTING | {"affected", "under_investigation"}


class VexError(Exception):
    """A file is no usable OpenVEX document; the text says why."""


class Statement(msgspec.Struct, frozen=True):
    """One statement about one package.

    Attributes:
        vulnerabilities: name and aliases of the vulnerability.
        package: canonical name of the package.
        version: its version.
        reason: the justification, or the statement of the impact.
    """

    vulnerabilities: frozenset[str]
    package: str
    version: str
    reason: str


def read_statements(path: Path) -> tuple[Statement, ...]:
    """Return the accepting statements of a document; none if there is no file.

    Raises:
        VexError: it is no OpenVEX document, or a statement lacks what it must have.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise VexError(f"it can't be read: {error.strerror}") from None
    return parse_statements(content)


def parse_statements(content: bytes) -> tuple[Statement, ...]:
    """Return the accepting statements of a document. See `read_statements`."""
    if len(content) > _BYTES_MAX:
        raise VexError("it is larger than a list of statements")
    try:
        document = msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise VexError("it is no JSON document") from None
    if not isinstance(document, dict) or not str(document.get("@context")).startswith(_CONTEXT):
        raise VexError("it is no OpenVEX document: the context is not openvex.dev's")
    found: list[Statement] = []
    for number, statement in enumerate(document.get("statements") or (), 1):
        try:
            found += _parse(statement)
        except (AttributeError, KeyError, TypeError, VexError) as error:
            raise VexError(f"statement {number} can't be used: {error}") from None
    return tuple(found)


def accepting(
    statements: Iterable[Statement], package: str, version: str, vulnerabilities: set[str]
) -> Statement | None:
    """Return the statement that a vulnerability does not affect a package."""
    for one in statements:
        if (one.package, one.version) == (
            package,
            version,
        ) and one.vulnerabilities & vulnerabilities:
            return one
    return None


def _parse(statement: Mapping[str, Any]) -> Iterator[Statement]:
    status = statement["status"]
    if status not in _LABELS:
        raise VexError(f"{status!r} is no status")
    if status not in _ACCEPTING:
        return
    reason = statement.get("justification") or statement.get("impact_statement")
    if status == "not_affected" and not reason:
        raise VexError("not_affected needs a justification or an impact statement")
    vulnerability = statement["vulnerability"]
    names = frozenset({str(vulnerability["name"]), *map(str, vulnerability.get("aliases", ()))})
    for identifier in _packages(statement["products"]):
        name, separator, version = identifier.removeprefix("pkg:pypi/").partition("@")
        if not (identifier.startswith("pkg:pypi/") and separator and version):
            raise VexError(f"{identifier!r} is no package of PyPI with its version (purl)")
        version = version.partition("?")[0]
        yield Statement(names, canonicalize_name(name), version, str(reason or status))


def _packages(products: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Return the purl of each subcomponent, else of the product."""
    for product in products:
        parts = product.get("subcomponents") or (product,)
        yield from (str(part["@id"]) for part in parts)
