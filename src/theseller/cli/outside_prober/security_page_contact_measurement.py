"""Read on the security page of each public address who operates it."""

from __future__ import annotations

import http.client
from html.parser import HTMLParser

from typing_extensions import override

from theseller.cli.outside_prober.target_connection import Target
from theseller.controls.prober_reports.message_format import ContactAtAddress, ContactSection

_PAGE = "/security/"
_PARTS = ("officer", "contact", "legal_entity", "legal_address")
#: Longer than any text that the settings accept.
_LENGTH_MAX = 300


def measure_contact(target: Target) -> ContactSection:
    """Return what the page of each address says."""
    return ContactSection([_at_address(target, address) for address in target.addresses()])


def _at_address(target: Target, address: str) -> ContactAtAddress:
    try:
        answer = target.request(address, "GET", _PAGE)
    except (OSError, http.client.HTTPException):
        return read_contact(address, 0, "")
    return read_contact(address, answer.status, answer.body.decode(errors="replace"))


def read_contact(address: str, status: int, page: str) -> ContactAtAddress:
    """Return what a page says of its operator."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    texts = {part: reader.texts.get(part, "").strip()[:_LENGTH_MAX] for part in _PARTS}
    return ContactAtAddress(address=address, status=status, clauses=reader.clauses, **texts)


class _Reader(HTMLParser):
    """Reads the elements with the operator's texts, and counts clauses."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.clauses = 0
        self._part = ""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._part = given.get("data-operator") or ""
        if tag == "article" and "control" in (given.get("class") or "").split():
            self.clauses += 1

    @override
    def handle_endtag(self, tag: str) -> None:
        self._part = ""

    @override
    def handle_data(self, data: str) -> None:
        if self._part:
            self.texts[self._part] = self.texts.get(self._part, "") + data
