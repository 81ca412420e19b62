"""Sellers v1: the marketplaces in which the seller participates.

The store's name, which may be a person's, is dropped.
"""

from __future__ import annotations

from theseller.amazon.decoders.response_field_types import Wire
from theseller.amazon.decoders.response_shape import Shape, dropped


class _Marketplace(Wire, frozen=True):
    id: str
    country_code: str | None = None
    default_currency_code: str | None = None


class _Taking(Wire, frozen=True):
    is_participating: bool
    has_suspended_listings: bool = False


class _Entry(Wire, frozen=True):
    marketplace: _Marketplace
    participation: _Taking


class _GetParticipations(Wire, frozen=True):
    payload: list[_Entry]


class Participation(Wire, frozen=True):
    """The seller's participation in one marketplace."""

    marketplace_id: str
    country_code: str | None
    currency: str | None
    is_participating: bool
    has_suspended_listings: bool


GET_MARKETPLACE_PARTICIPATIONS = Shape(
    "getMarketplaceParticipations",
    _GetParticipations,
    dropped(
        pii="payload[]: storeName",
        unneeded="""
        payload[].marketplace: name defaultLanguageCode domainName
        errors[]: code message details
        """,
    ),
)


def decode_participations(body: bytes) -> tuple[tuple[Participation, ...], tuple[str, ...]]:
    """Decode an answer of getMarketplaceParticipations.

    Returns:
        The participations, and the paths that are new to us.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    entries = GET_MARKETPLACE_PARTICIPATIONS.decode(body).payload
    participations = tuple(
        Participation(
            entry.marketplace.id,
            entry.marketplace.country_code,
            entry.marketplace.default_currency_code,
            entry.participation.is_participating,
            entry.participation.has_suspended_listings,
        )
        for entry in entries
    )
    return participations, GET_MARKETPLACE_PARTICIPATIONS.drift(body)
