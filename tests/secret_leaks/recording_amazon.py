"""A proxy before the emulated Amazon that records every secret that passes.

It forwards everything, and can be set to fail in ways in which it repeats what it was sent: in
texts, codes, headers, addresses and broken JSON.
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
_HOP = frozenset(
    {"connection", "transfer-encoding", "content-length", "keep-alive", "host", "date", "server"}
)
#: The fields of a token request that are secrets.
_SENT = ("code", "refresh_token", "client_secret")


@dataclass(frozen=True, slots=True)
class FailureMode:
    """How the next answer to a path that matches `path` fails.

    `@secrets@` in body and headers is every secret of the request, `@one@` the first of them.
    """

    name: str
    path: str
    status: int = 400
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None  # how many bytes of the answer are left out, None for none
    passes: bool = False  # ask the emulated Amazon, and spoil its answer by `cut` alone
    # what the request holds, for none but that one to be met: the worker asks for tokens at the
    # same time
    asks: bytes = b""


def _error(code: str) -> str:
    return json.dumps({"error": code, "error_description": "The parameter @secrets@ is wrong"})


#: What ends an authorisation: of a code, the attempt; of a refresh token, the connection.
INVALID_GRANT = FailureMode("invalid_grant", TOKENS, 400, _error("invalid_grant"))


def lwa_failure_modes() -> tuple[FailureMode, ...]:
    """Every way in which Login with Amazon fails and nothing ends, each repeating the request."""
    codes = {
        "invalid_client": 401, "unauthorized_client": 400, "unsupported_grant_type": 400,
        "invalid_request": 400, "invalid_scope": 400, "slow_down": 429, "server_error": 500,
        "temporarily_unavailable": 503,
    }  # fmt: skip
    named = [FailureMode(code, TOKENS, status, _error(code)) for code, status in codes.items()]
    page = "<html><head><title>400 Bad Request</title></head><body><h1>@secrets@</h1></body></html>"
    return (
        *named,
        FailureMode(
            "secrets as the code",
            TOKENS,
            400,
            json.dumps({"error": "@one@", "error_description": "@secrets@"}),
        ),
        FailureMode(
            "secrets in headers",
            TOKENS,
            503,
            "",
            (
                ("x-amzn-RequestId", "@one@"),
                ("Retry-After", "@one@"),
                ("x-amzn-ErrorType", "@secrets@"),
            ),
        ),
        FailureMode(
            "redirect", TOKENS, 302, "@secrets@", (("Location", "http://127.0.0.1:1/?@secrets@"),)
        ),
        FailureMode("HTML", TOKENS, 400, page, (("Content-Type", "text/html"),)),
        FailureMode(
            "success that is none",
            TOKENS,
            200,
            json.dumps({"access_token": "@secrets@", "expires_in": "@secrets@"}),
        ),
        FailureMode(
            "success without end",
            TOKENS,
            200,
            '{"access_token": "@secrets@", "refresh_token": "@secrets@", "expires_in": 3600',
        ),
        FailureMode("silence", TOKENS, 0),
        FailureMode("cut off", TOKENS, cut=40, passes=True),
    )


def spapi_failure_modes(path: str) -> tuple[FailureMode, ...]:
    """Ways in which the Selling Partner API and its documents fail, each repeating the access token."""
    body = json.dumps(
        {"errors": [{"code": "@one@", "message": "@secrets@", "details": "@secrets@"}]}
    )
    return (
        FailureMode(
            "denied",
            path,
            403,
            json.dumps(
                {
                    "errors": [
                        {
                            "code": "Unauthorized",
                            "message": "The access token @secrets@ has expired",
                        }
                    ]
                }
            ),
        ),
        FailureMode("error", path, 500, body, (("x-amzn-RequestId", "@one@"),)),
        FailureMode(
            "HTML",
            path,
            502,
            "<html><body>@secrets@</body></html>",
            (("Content-Type", "text/html"),),
        ),
        FailureMode("cut off", path, cut=40, passes=True),
        FailureMode("silence", path, 0),
    )


@dataclass(slots=True)
class RecordedTraffic:
    """What was sent: secrets by kind, and every answer of Amazon's as it was.

    These secrets belong in these answers.
    """

    secrets: dict[str, dict[str, None]] = field(
        default_factory=dict
    )  # in the order in which they came
    answers: list[bytes] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, kind: str, value: str) -> None:
        with self.lock:
            self.secrets.setdefault(kind, {})[value] = None


class RecordingAmazon(ThreadingHTTPServer):
    """The server; `traffic` is what it saw, `expect` says how it fails next."""

    daemon_threads = True

    def __init__(self, emulator_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator_port = emulator_port
        self.traffic = RecordedTraffic()
        self._moods: deque[FailureMode] = deque()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def expect(self, *failure_modes: FailureMode) -> None:
        """Fail so, once each, in this order, whenever a path matches."""
        with self.traffic.lock:
            self._moods.extend(failure_modes)

    def waiting(self) -> list[str]:
        with self.traffic.lock:
            return [failure_mode.name for failure_mode in self._moods]

    def failure_mode_for(self, path: str, body: bytes) -> FailureMode | None:
        with self.traffic.lock:
            found = next(
                (
                    failure_mode
                    for failure_mode in self._moods
                    if re.search(failure_mode.path, path) and failure_mode.asks in body
                ),
                None,
            )
            if found is not None:
                self._moods.remove(found)
                self.traffic.failed.append(f"{found.path} {found.name}")
            return found

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: a closed connection is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: RecordingAmazon
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
        secrets = self._secrets_of(body)
        failure_mode = self.server.failure_mode_for(self.path, body)
        if failure_mode is None or failure_mode.passes:
            self._pass_on(body, failure_mode)
        else:
            self._fail(failure_mode, secrets)

    def _secrets_of(self, body: bytes) -> list[str]:
        """Return the secrets in the request, and remember them."""
        secrets = []
        if self.path.startswith(TOKENS):
            form = parse_qs(body.decode())
            secrets = [value for name in _SENT for value in form.get(name, [])]
            for name in _SENT:
                for value in form.get(name, []):
                    self.server.traffic.keep(name.replace("_", " "), value)
        token = self.headers.get("x-amz-access-token")
        if token:
            self.server.traffic.keep("access token", token)
            secrets.append(token)
        if "X-Amz-Signature" in self.path:
            self.server.traffic.keep(
                "document signature", parse_qs(self.path.partition("?")[2])["X-Amz-Signature"][0]
            )
            secrets.append(self.path)
        return secrets

    def _fail(self, failure_mode: FailureMode, secrets: list[str]) -> None:
        if not failure_mode.status:
            self.close_connection = True
            self.connection.close()
            return
        every, one = " ".join(secrets), secrets[0] if secrets else "nothing"

        def filled(text: str) -> str:
            return text.replace(
                "@secrets@", urlencode({"secrets": every}) if failure_mode.status == 302 else every
            ).replace("@one@", one)

        content = filled(failure_mode.body).encode()
        self.send_response(failure_mode.status)
        for name, value in failure_mode.headers:
            self.send_header(name, filled(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _pass_on(self, body: bytes, failure_mode: FailureMode | None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.emulator_port, timeout=60)
        with contextlib.closing(connection):
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _HOP
            }
            connection.request(
                self.command, self.path, body, {**headers, "Host": self.headers["Host"]}
            )
            answer = connection.getresponse()
            content = answer.read()
        if self.path.startswith(TOKENS):
            self._remember(content)
        if b"X-Amz-Signature" in content and len(content) < 10_000:
            self.server.traffic.answers.append(content)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(
            content[: len(content) - failure_mode.cut]
            if failure_mode and failure_mode.cut
            else content
        )
        if failure_mode and failure_mode.cut:
            self.close_connection = True

    def _remember(self, content: bytes) -> None:
        with contextlib.suppress(ValueError):
            answer = json.loads(content)
            for name in ("access_token", "refresh_token"):
                if name in answer:
                    self.server.traffic.keep(name.replace("_", " "), answer[name])
            self.server.traffic.answers.append(content)


@contextlib.contextmanager
def recording_amazon(emulator_port: int) -> Iterator[RecordingAmazon]:
    """Run it for the length of the block."""
    server = RecordingAmazon(emulator_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
