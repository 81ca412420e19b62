"""Requests that people, browsers and load balancers make: none of them may be refused."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import quote, quote_plus, urlencode

from django.urls import URLPattern, URLResolver, get_resolver
from tests.unit.amazon.report_fixtures import builders
from tests.unit.amazon.report_fixtures.mutations import mutants

from theseller.cli.outside_prober.attack_request_samples import Request, multipart
from theseller.emulator.reports import document_rendering
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World

_SHOP = "018f6d0a-7c1e-7b6a-9f0e-2a4b6c8d0e1f"
#: Values of variables in addresses.
_VALUES = {
    "day": "2026-11-01",
    "number": "90817263540",
    "order": "303-1234567-1234567",
    "clause": "net-tls",
    "refusal": "declined",
    "token": "Zk3vQ9s-_Xw1aTq7Lr0bYc5dMe8fNg2h.J4k",
}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: Names of shops, sellers, people and files, and titles of products. Some look like attacks.
NAMES = (
    "O'Brien's Outdoor & Camping", "D'Angelo—Söhne GmbH & Co. KG", "Müller; Söhne", "株式会社テスト", "Żółć Łódź sp. z o.o.",
    "Select Comfort from Union Square", "The Drop Table Company", "Insert & Update Ltd.", "Where? There!", "AND/OR Design",
    "Café “Le Délice” №5", "Smith (formerly Jones) -- est. 1990", "100% Bio / Öko", "C# & .NET Books", "Ключ и Замок",
    "شركة الاختبار", "ร้านทดสอบ", "Bücher <3 Kaffee", "Rock 'n' Roll", "L'Oréal Paris – Élysée 1=1",
    "Tom's \"Best\" 12\" Vinyl", "A+B=C", "5' x 7' Rug", "Table, drop-leaf, oak", "Alter Ego; Truncate Hair",
    "Union Jack Select Tea, 20 bags", "Script Font Stickers", "Java Coffee Beans (Runtime Blend)", "Bash Guard #4 | 32T", "cat /dog bowl",
    "Password Logbook – Don't Lose It!", "echo dot case", "Order by Size: S, M, L", "Exec Chair $199", "🎁 Gift Box 🎁",
)  # fmt: skip
#: Passwords that people and managers choose: any characters.
PASSWORDS = (
    "' OR 1=1 --", "<script>alert(1)</script>", "'--;\"<>{$(id)`ls`", "${jndi:ldap://x}", "; cat /etc/passwd #",
    "../../etc/passwd", "{{7*7}} is forty-nine", "correct horse battery staple", "Пароль очень длинный 1917", "密码密码密码密码密码密码密码",
    "UNION SELECT password FROM users", "%00%0d%0a%25", "x\\y\\..\\z 12345678", "🐴🔋📎 correct horse", "a&b=c;d=e?f#g+h%20i",
)  # fmt: skip
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "ELB-HealthChecker/2.0", "curl/8.5.0", "python-requests/2.32.3", "Prometheus/2.54.1",
)  # fmt: skip


def legitimate(*, files: int = 60) -> Iterator[Request]:
    """Give every legitimate request; `files` is the number of changed report files among them."""
    yield from _pages()
    yield from _queries()
    yield from _forms()
    yield from _browsers()
    yield from _report_files(files)


def _pages(
    patterns: list[URLPattern | URLResolver] | None = None, before: str = "/"
) -> Iterator[Request]:
    """Give every address of the product."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _pages(pattern.url_patterns, route)
        else:
            path = route
            for name in pattern.pattern.converters:
                for kind in ("uuid", "str", "slug", "int", "path"):
                    path = path.replace(f"<{kind}:{name}>", _VALUES.get(name, _SHOP))
            assert "<" not in path, f"{route}: give its variable a value in _VALUES"
            yield Request(f"page {route}", "GET", path)
            yield Request(f"form of {route}", "POST", path, _FORM, b"csrfmiddlewaretoken=a1B2c3")


def _queries() -> Iterator[Request]:
    for number, name in enumerate(NAMES):
        yield Request(f"search {name}", "GET", f"/products/?q={quote_plus(name)}&page={number}")
        yield Request(f"orders {name}", "GET", f"/orders/?sku={quote(name)}&sort=net&dir=asc")
        yield Request(f"SKU {name}", "GET", f"/products/?sku={quote(name)}&order=-net&period=30d")
    for period in ("7d", "30d", "90d", "365d", "2026-10", "custom"):
        query = f"period={period}&from=2026-10-01&to=2026-10-31&compare=previous"
        yield Request(f"dashboard {period}", "GET", f"/?store=ATVPDKIKX0DER&{query}")
        yield Request(f"CSV {period}", "GET", f"/products/?format=csv&{query}")
    for number in range(8):
        returned = {
            "state": _token(number, 43),
            "spapi_oauth_code": f"RH{_token(number + 100, 18)}",
            "selling_partner_id": "A2ALICEEXAMPLE1",
        }
        yield Request("return from Amazon", "GET", f"/connections/callback/?{urlencode(returned)}")
    yield Request("error of Amazon", "GET", "/connections/callback/?error=access_denied&state=ab12")
    for wanted in (
        "/products/?store=A1PA6795UKMFR9&period=30d",
        "/days/2026-11-01/",
        "/orders/?after=1793836800000000_303-1234567-1234567",
        "/orders/?q=303-1234567-1234567",
        "/orders/303-1234567-1234567/",
        "/settlements/?store=DE&after=1793836800_90817263540",
        "/settlements/90817263540/?after=303-1234567-1234567",
        "/reconciliation/?store=DE&month=2026-10",
        "/data/",
    ):
        yield Request("sign-in first", "GET", f"/sign-in/?next={quote(wanted, safe='')}")


def _forms() -> Iterator[Request]:
    def form(label: str, path: str, /, **fields: str) -> Request:
        body = urlencode({"csrfmiddlewaretoken": "q7Xb" * 16, **fields}).encode()
        return Request(label, "POST", path, _FORM, body)

    for text in (*PASSWORDS, *NAMES):
        yield form(f"password {text}", "/sign-in/", email="a.o'neil+x@exämple.com", password=text)
    for text in PASSWORDS:
        path = "/account/security/password/"
        yield form(f"new password {text}", path, current=text, new=text, again=text)
    for text in NAMES:
        yield form(f"passkey {text}", "/account/security/passkey/", name=text, answer=_passkey())
        fields = {"ticket": "SUP-4711 (https://support.example/4711)", "minutes": "30"}
        reason = f"{text}: the customer asked us to select the right store, then update the order"
        yield form(f"reason {text}", "/operate/access/open/", shop=_SHOP, reason=reason, **fields)
    for code in ("123456", "123 456", "abcd-efgh-ijkl-mnop"):
        yield form(f"code {code}", "/account/second-factor/", code=code, next="/products/?q=a%26b")


def _token(number: int, length: int) -> str:
    """Return characters as tokens have them, the same ones at each run."""
    alphabet = string.ascii_letters + string.digits + "-_"
    return "".join(random.Random(number).choices(alphabet, k=length))  # noqa: S311


def _passkey() -> str:
    raw = _token(4, 400)
    return json.dumps(
        {
            "id": "mK3-_x", "rawId": "mK3-_x", "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": {"clientDataJSON": raw, "attestationObject": raw, "transports": ["internal"]},
        }
    )  # fmt: skip


def _browsers() -> Iterator[Request]:
    for agent in AGENTS:
        yield Request(f"browser {agent}", "GET", "/security/", {"User-Agent": agent})
    for number in range(40):
        value = f"{_token(number, 32)}:{_token(number + 40, 6)}:{_token(number + 80, 43)}"
        cookies = (
            f"__Host-theseller_session={value}; __Host-theseller_csrf={value[:32]};"
            f' __Host-theseller_device="{value}"'
        )
        headers = {
            "Cookie": cookies,
            "HX-Request": "true",
            "HX-Current-URL": f"https://shop.test/products/?q={quote_plus(NAMES[number % len(NAMES)])}",
            "Referer": f"https://shop.test/?from=2026-10-01&to=2026-10-31&q={number}",
            "X-CSRFToken": value[:32],
            "Accept-Language": "de-DE,de;q=0.9,en;q=0.8",
            "Sec-Fetch-Mode": "navigate",
            "Sec-CH-UA": '"Chromium";v="142", "Not=A?Brand";v="24"',
            "If-None-Match": f'W/"{value[:20]}"',
        }
        yield Request(f"signed in {number}", "GET", "/products/", headers)


def _report_files(changed: int) -> Iterator[Request]:
    def upload(name: str, content: bytes, **fields: str) -> Request:
        headers, body = multipart(name, content, csrfmiddlewaretoken="q7Xb" * 16, **fields)
        return Request(f"import of {name}", "POST", "/imports/", headers, body)

    world, at = World(7), datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    first, until = (document_rendering.midnight(date(2026, 10, day)) for day in (1, 3))
    for seller in SELLERS.values():
        for kind in document_rendering.REQUESTABLE:
            for store in seller.stores:
                text = document_rendering.render(
                    world, ReportOrder(seller, kind, first, until, at, (store.marketplace.id,))
                )
                encoding = document_rendering.GENERATORS[kind].encoding(seller)
                for packed in (False, True) if text else ():
                    content = document_rendering.encode(text or "", encoding, compress=packed)
                    ending = "txt.gz" if packed else "txt"
                    yield upload(f"{kind} {store.marketplace.id}.{ending}", content)
        start = document_rendering.midnight(date(2026, 9, 1))
        for period in list(world.periods_published(seller, start, at))[:6]:
            text = document_rendering.render_settlement(world, period)
            yield upload(f"settlement {period.store.marketplace.id}.txt", text.encode())
    for name in NAMES:
        rows = [builders.order(product_name=name, sku=name, ship_city=name)] * 3
        content = builders.all_orders(*rows).encode()
        # No system writes a slash or one of <>| into the name of a file.
        clean = "".join(sign for sign in name if sign not in "/<>|")
        yield upload(f"{clean} (1).txt", content, encoding="", confirm="on")
    for mutant in mutants(1, changed):
        yield upload("orders, changed.txt", mutant.data)
