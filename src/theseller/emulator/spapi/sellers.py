"""Sellers API v1: getMarketplaceParticipations."""

from __future__ import annotations

from typing import Any

from theseller.emulator.canary_texts import canary
from theseller.emulator.spapi.call_parameters import Call

_LANGUAGES = {
    "US": "en_US",
    "CA": "en_CA",
    "MX": "es_MX",
    "UK": "en_GB",
    "DE": "de_DE",
    "FR": "fr_FR",
    "JP": "ja_JP",
}


def get_marketplace_participations(call: Call) -> dict[str, Any]:
    """Return the stores the seller sells in."""
    payload = []
    for store in call.seller.stores:
        market = store.marketplace
        key = call.seller.id + market.id
        name = canary(call.emulator.world.seed, "payload[].storeName", key)
        payload.append(
            {
                "marketplace": {
                    "id": market.id,
                    "name": market.sales_channel,
                    "countryCode": "GB" if market.code == "UK" else market.code,
                    "defaultCurrencyCode": market.currency,
                    "defaultLanguageCode": _LANGUAGES[market.code],
                    "domainName": f"www.{market.sales_channel.casefold()}",
                },
                "participation": {"isParticipating": True, "hasSuspendedListings": False},
                "storeName": f"{name} Store",
            }
        )
    return {"payload": payload}
