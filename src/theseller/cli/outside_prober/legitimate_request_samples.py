"""Requests that the firewall must let through: pages, searches and forms.

Names of shops and products among them look like attacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_plus

from theseller.cli.outside_prober.attack_request_samples import Request

_PAGES = ("/", "/sign-in/", "/security/", "/security/page.json", "/password-reset/", "/healthz")
_TEXTS = (
    "O'Brien's Outdoor & Camping", "D'Angelo—Söhne GmbH & Co. KG", "株式会社テスト",
    "Select Comfort from Union Square", "The Drop Table Company", "Insert & Update Ltd.",
    "Where? There!", "AND/OR Design", "Café “Le Délice” №5", "Smith (formerly Jones) -- est. 1990",
    "100% Bio / Öko", "C# & .NET Books", "Bücher <3 Kaffee", "Rock 'n' Roll", "5' x 7' Rug",
    "L'Oréal Paris – Élysée 1=1", 'Tom\'s "Best" 12" Vinyl', "A+B=C", "Table, drop-leaf, oak",
    "Union Jack Select Tea, 20 bags", "Script Font Stickers", "Bash Guard #4 | 32T",
    "Java Coffee Beans (Runtime Blend)", "echo dot case", "Order by Size: S, M, L",
)  # fmt: skip
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/142.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
    ),
    "curl/8.5.0",
)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def legitimate_requests() -> Iterator[Request]:
    """Give every legitimate request."""
    for agent in _AGENTS:
        for page in _PAGES:
            yield Request(f"page {page}", "GET", page, {"User-Agent": agent})
    for number, text in enumerate(_TEXTS):
        for path in ("/products/", "/", "/connections/"):
            yield Request(f"search {number}", "GET", f"{path}?q={quote_plus(text)}")
        for field, path in (("name", "/operate/shops/new/"), ("note", "/operate/reviews/")):
            body = f"{field}={quote_plus(text)}".encode()
            yield Request(f"form {number}", "POST", path, _FORM, body)
        # A password may be any text.
        body = f"email=a%40example.com&password={quote_plus(text)}".encode()
        yield Request(f"password {number}", "POST", "/sign-in/", _FORM, body)
