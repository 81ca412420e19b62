"""An Amazon that stands before the emulated one: it passes everything on, remembers every secret that goes by, and can be told to fail
in ways in which it repeats what it was sent: in texts, codes, headers, addresses and broken JSON.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode

from typing_extensions import override

TOKENS = "/auth/o2/token"
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "host", "date", "server"})
#: The fields of a token request that are secrets.
_SENT = ("code", "refresh_token", "client_secret")


@dataclass(frozen=True, slots=True)
class Mood:
    """How the next answer to a path that matches `path` fails. `@told@` in body and headers is
    every secret that the request told, `@one@` the first of them.
    """

    name: str
    path: str
    status: int = 400
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None  # how many bytes of the answer are left out, None for none
    passes: bool = False  # ask the emulated Amazon, and spoil its answer by `cut` alone
    asks: bytes = b""  # what the request holds, for none but that one to be met: the worker asks for tokens at the same time


def _error(code: str) -> str:
    return json.dumps({"error": code, "error_description": "The parameter @told@ is wrong"})


#: What ends an authorisation: of a code, the attempt; of a refresh token, the connection.
INVALID_GRANT = Mood("invalid_grant", TOKENS, 400, _error("invalid_grant"))


def lwa_moods() -> tuple[Mood, ...]:
    """Every way in which Login with Amazon fails and nothing ends, each repeating the request."""
    codes = {
        "invalid_client": 401, "unauthorized_client": 400, "unsupported_grant_type": 400, "invalid_request": 400,
        "invalid_scope": 400, "slow_down": 429, "server_error": 500, "temporarily_unavailable": 503,
    }  # fmt: skip
    named = [Mood(code, TOKENS, status, _error(code)) for code, status in codes.items()]
    page = "<html><head><title>400 Bad Request</title></head><body><h1>@told@</h1></body></html>"
    return (
        *named,
        Mood("told as the code", TOKENS, 400, json.dumps({"error": "@one@", "error_description": "@told@"})),
        Mood("told in headers", TOKENS, 503, "", (("x-amzn-RequestId", "@one@"), ("Retry-After", "@one@"), ("x-amzn-ErrorType", "@told@"))),
        Mood("redirect", TOKENS, 302, "@told@", (("Location", "http://127.0.0.1:1/?@told@"),)),
        Mood("HTML", TOKENS, 400, page, (("Content-Type", "text/html"),)),
        Mood("success that is none", TOKENS, 200, json.dumps({"access_token": "@told@", "expires_in": "@told@"})),
        Mood("success without end", TOKENS, 200, '{"access_token": "@told@", "refresh_token": "@told@", "expires_in": 3600'),
        Mood("silence", TOKENS, 0),
        Mood("cut off", TOKENS, cut=40, passes=True),
    )


def spapi_moods(path: str) -> tuple[Mood, ...]:
    """Ways in which the Selling Partner API and its documents fail, each repeating the access token."""
    body = json.dumps({"errors": [{"code": "@one@", "message": "@told@", "details": "@told@"}]})
    return (
        Mood("denied", path, 403, json.dumps({"errors": [{"code": "Unauthorized", "message": "The access token @told@ has expired"}]})),
        Mood("error", path, 500, body, (("x-amzn-RequestId", "@one@"),)),
        Mood("HTML", path, 502, "<html><body>@told@</body></html>", (("Content-Type", "text/html"),)),
        Mood("cut off", path, cut=40, passes=True),
        Mood("silence", path, 0),
    )


@dataclass(slots=True)
class Wire:
    """What went over the wire: secrets by kind, and every answer of Amazon's as it was, where these secrets are at home."""

    secrets: dict[str, dict[str, None]] = field(default_factory=dict)  # in the order in which they came
    answers: list[bytes] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, kind: str, value: str) -> None:
        with self.lock:
            self.secrets.setdefault(kind, {})[value] = None


class Amazon(ThreadingHTTPServer):
    """The server; `wire` is what it saw, `moods` what it will do next."""

    daemon_threads = True

    def __init__(self, emulator_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator_port = emulator_port
        self.wire = Wire()
        self._moods: deque[Mood] = deque()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def expect(self, *moods: Mood) -> None:
        """Fail so, once each, in this order, whenever a path matches."""
        with self.wire.lock:
            self._moods.extend(moods)

    def waiting(self) -> list[str]:
        with self.wire.lock:
            return [mood.name for mood in self._moods]

    def mood_for(self, path: str, body: bytes) -> Mood | None:
        with self.wire.lock:
            found = next((mood for mood in self._moods if re.search(mood.path, path) and mood.asks in body), None)
            if found is not None:
                self._moods.remove(found)
                self.wire.failed.append(f"{found.path} {found.name}")
            return found

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: a client that has gone is nothing to be told of."""


class _Handler(BaseHTTPRequestHandler):
    server: Amazon
    protocol_version = "HTTP/1.1"

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        told = self._told(body)
        mood = self.server.mood_for(self.path, body)
        if mood is None or mood.passes:
            self._pass_on(body, mood)
        else:
            self._fail(mood, told)

    def _told(self, body: bytes) -> list[str]:
        """Return the secrets in the request, and remember them."""
        told = []
        if self.path.startswith(TOKENS):
            form = parse_qs(body.decode())
            told = [value for name in _SENT for value in form.get(name, [])]
            for name in _SENT:
                for value in form.get(name, []):
                    self.server.wire.keep(name.replace("_", " "), value)
        token = self.headers.get("x-amz-access-token")
        if token:
            self.server.wire.keep("access token", token)
            told.append(token)
        if "X-Amz-Signature" in self.path:
            self.server.wire.keep("document signature", parse_qs(self.path.partition("?")[2])["X-Amz-Signature"][0])
            told.append(self.path)
        return told

    def _fail(self, mood: Mood, told: list[str]) -> None:
        if not mood.status:
            self.close_connection = True
            self.connection.close()
            return
        every, one = " ".join(told), told[0] if told else "nothing"

        def filled(text: str) -> str:
            return text.replace("@told@", urlencode({"told": every}) if mood.status == 302 else every).replace("@one@", one)

        content = filled(mood.body).encode()
        self.send_response(mood.status)
        for name, value in mood.headers:
            self.send_header(name, filled(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _pass_on(self, body: bytes, mood: Mood | None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.emulator_port, timeout=60)
        with contextlib.closing(connection):
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, body, {**headers, "Host": self.headers["Host"]})
            answer = connection.getresponse()
            content = answer.read()
        if self.path.startswith(TOKENS):
            self._remember(content)
        if b"X-Amz-Signature" in content and len(content) < 10_000:
            self.server.wire.answers.append(content)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - mood.cut] if mood and mood.cut else content)
        if mood and mood.cut:
            self.close_connection = True

    def _remember(self, content: bytes) -> None:
        with contextlib.suppress(ValueError):
            answer = json.loads(content)
            for name in ("access_token", "refresh_token"):
                if name in answer:
                    self.server.wire.keep(name.replace("_", " "), answer[name])
            self.server.wire.answers.append(content)


@contextlib.contextmanager
def talkative_amazon(emulator_port: int) -> Iterator[Amazon]:
    """Run it for the length of the block."""
    server = Amazon(emulator_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
