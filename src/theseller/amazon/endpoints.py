"""The addresses of Amazon's services.

One value holds all of them, so that the emulator can replace Amazon without other changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self
from urllib.parse import urlencode

from theseller import __version__
from theseller.lib.marketplaces import Marketplace, Region

# Amazon's format: App/Version (Language=…), at most 500 characters.
_USER_AGENT = f"TheSeller/{__version__} (Language=Python)"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of Amazon's services, and our user agent.

    Login with Amazon, the Selling Partner API per region, and Seller Central. `seller_central_base`
    is None for the real ones, which differ per store.
    """

    lwa_token_url: str
    spapi_base: Mapping[Region, str]
    seller_central_base: str | None
    user_agent: str

    @classmethod
    def amazon(cls) -> Self:
        """Return Amazon's production addresses."""
        return cls(
            # (an address, not a password)
            lwa_token_url="https://api.amazon.com/auth/o2/token",  # noqa: S106
            spapi_base=MappingProxyType(
                {region: f"https://sellingpartnerapi-{region}.amazon.com" for region in Region}
            ),
            seller_central_base=None,
            user_agent=_USER_AGENT,
        )

    @classmethod
    def emulated(cls, base_url: str) -> Self:
        """Return the addresses of an emulated Amazon at `base_url`.

        Such as ``http://127.0.0.1:8100``.
        """
        base = base_url.rstrip("/")
        return cls(
            lwa_token_url=f"{base}/auth/o2/token",
            spapi_base=MappingProxyType({region: f"{base}/spapi/{region}" for region in Region}),
            seller_central_base=f"{base}/seller-central",
            user_agent=_USER_AGENT,
        )

    def consent_url(
        self,
        marketplace: Marketplace,
        application_id: str,
        state: str,
        redirect_uri: str,
        *,
        draft: bool,
    ) -> str:
        """Return the Seller Central page where the seller consents.

        Args:
            marketplace: the store whose Seller Central is opened.
            application_id: the application's id at Amazon.
            state: our single-use value against forged redirects.
            redirect_uri: where Amazon redirects to. It must be registered, and the same must be
                sent with the code afterwards.
            draft: whether Amazon has not published the application yet (without it Amazon answers
                MD1000).
        """
        host = marketplace.seller_central_host
        base = (
            f"https://{host}"
            if self.seller_central_base is None
            else f"{self.seller_central_base}/{host}"
        )
        query = {"application_id": application_id, "state": state, "redirect_uri": redirect_uri}
        if draft:
            query["version"] = "beta"
        return f"{base}/apps/authorize/consent?{urlencode(query)}"
