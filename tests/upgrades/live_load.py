"""Requests at a fixed rate, as a signed-in owner's, each with its outcome.

A request is due at a time of its own and does not wait for the one before; its latency counts from
then, so that a pause of the service is in every request that it delayed.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_HOST = "127.0.0.1"
#: Seconds: longer than a restart takes on a slow machine. What takes longer has failed.
_TIMEOUT = 300.0
_ORDER_COLUMNS = str.split(
    "amazon-order-id merchant-order-id purchase-date last-updated-date order-status order-item-id"
    " fulfillment-channel sales-channel order-channel ship-service-level product-name sku asin"
    " item-status quantity currency item-price item-tax shipping-price shipping-tax gift-wrap-price"
    " gift-wrap-tax item-promotion-discount ship-promotion-discount ship-city ship-state"
    " ship-postal-code ship-country promotion-ids is-business-order purchase-order-number"
    " price-designation"
)
#: One in 100 requests is an import (an account may send 30 a minute), one in five a download: both
#: leave rows.
_PATHS = ("/", "/products/", "/connections/", "/sign-in/", "/readyz?without=worker")
LIVE_SKU = "LIVE-1"
EXPORT, IMPORT = "/?format=csv", "/imports/"


@dataclass(frozen=True, slots=True)
class Done:
    """One request: when it was due, how long it took from then, and what came; "" is as expected."""

    path: str
    due: float
    seconds: float
    fault: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    cookies: dict[str, str]


def request(
    port: int,
    path: str,
    *,
    cookies: dict[str, str] | None = None,
    body: bytes | None = None,
    content_type: str = "application/x-www-form-urlencoded",
) -> Answer:
    """Send one request over a connection of its own, as the edge does without keep-alive."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=_TIMEOUT)
    headers = {"Connection": "close", "Host": f"{_HOST}:{port}"}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if body is not None:
        headers |= {"Content-Type": content_type, "Origin": f"http://{_HOST}:{port}"}
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        found = response.read()
        given = dict(
            line.partition(";")[0].partition("=")[::2]
            for line in response.headers.get_all("Set-Cookie", [])
        )
        return Answer(response.status, found, given)
    finally:
        connection.close()


def sign_in(port: int, email: str, password: str) -> dict[str, str]:
    """Sign in and return the cookies."""
    page = request(port, "/sign-in/")
    form = {"email": email, "password": password, "csrfmiddlewaretoken": token_of(page)}
    answer = request(port, "/sign-in/", cookies=page.cookies, body=urlencode(form).encode())
    assert answer.status == 302, answer.body[-2000:]
    return page.cookies | answer.cookies


def token_of(page: Answer) -> str:
    found = _TOKEN.search(page.body.decode())
    assert found, page.body[-2000:]
    return found[1]


def import_form(token: str, number: int) -> tuple[bytes, str]:
    """Return a form with a report of one order, and its content type."""
    order = {
        "amazon-order-id": f"902-{number:07}-0000001", "purchase-date": "2026-11-02T10:00:00+00:00",
        "last-updated-date": "2026-11-02T10:00:00+00:00", "order-status": "Shipped",
        "order-item-id": f"{number:014}", "fulfillment-channel": "Amazon",
        "sales-channel": "Amazon.com", "product-name": "Brush", "sku": LIVE_SKU,
        "asin": "B0BRUSH001", "item-status": "Shipped", "quantity": "1", "currency": "USD",
        "item-price": "10.00", "is-business-order": "false",
    }  # fmt: skip
    rows = [_ORDER_COLUMNS, [order.get(column, "") for column in _ORDER_COLUMNS]]
    report = "".join("\t".join(row) + "\n" for row in rows)
    border = "border-of-the-live-test"
    parts = "".join(
        f'--{border}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
        for name, more, value in (
            ("csrfmiddlewaretoken", "", token),
            ("confirm", "", "1"),
            ("files", f'; filename="orders-{number}.txt"\r\nContent-Type: text/plain', report),
        )
    )
    return f"{parts}--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"


@dataclass(slots=True)
class Load:
    """Requests at `rate` a second until `stop`."""

    port: int
    cookies: dict[str, str]
    rate: float
    threads: int = 24
    done: list[Done] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)
    _importing: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        begun, numbers = time.monotonic(), count()
        for _ in range(self.threads):
            thread = threading.Thread(target=self._send, args=(begun, numbers), daemon=True)
            thread.start()
            self._running.append(thread)

    def stop(self) -> list[Done]:
        """End after the requests that have begun; return what was done."""
        self._stopping.set()
        for thread in self._running:
            thread.join(2 * _TIMEOUT)
            assert not thread.is_alive()
        return self.done

    def _send(self, begun: float, numbers: count[int]) -> None:
        while True:
            number = next(numbers)
            due = begun + number / self.rate
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                return
            path, act = self._act(number)
            try:
                fault = act()
            except (OSError, http.client.HTTPException) as error:
                fault = f"{type(error).__name__}: {error}"
            self.done.append(Done(path, due - begun, time.monotonic() - due, fault))

    def _act(self, number: int) -> tuple[str, Callable[[], str]]:
        if number % 100 == 24:
            return IMPORT, lambda: self.send_file(number)
        path = EXPORT if number % 5 == 4 else _PATHS[number % len(_PATHS)]
        return path, lambda: self.get(path)

    def get(self, path: str) -> str:
        """Request a page or a file; return what is wrong with the answer, or ""."""
        known = {} if path == "/sign-in/" else self.cookies
        answer = request(self.port, path, cookies=known)
        if path == EXPORT and answer.status == 200 and not answer.body.startswith(BOM_UTF8):
            return "no file"
        return "" if answer.status == 200 else f"status {answer.status}"

    def send_file(self, number: int) -> str:
        """Import a report of one order; return what went wrong, or ""."""
        # A shop imports one file at a time.
        with self._importing:
            page = request(self.port, IMPORT, cookies=self.cookies)
            body, content_type = import_form(token_of(page), number)
            answer = request(
                self.port, IMPORT, cookies=self.cookies | page.cookies, body=body,
                content_type=content_type,
            )  # fmt: skip
        return "" if answer.status in {200, 302, 303} else f"status {answer.status}"


def percentile(done: list[Done], share: float) -> float:
    """Return the latency that `share` of the requests did not exceed, in seconds."""
    ordered = sorted(one.seconds for one in done)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
