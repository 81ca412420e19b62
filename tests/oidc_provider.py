"""A small identity provider over TLS, which can also answer wrongly.

It checks what a provider checks (client, secret, redirect URI, PKCE, one use of a code) and signs ID
tokens with the library that the product verifies them with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey
from tests.tls_certificates import write_certificate

from theseller.accounts.oidc.types import OidcAudience, OidcSettings
from theseller.lib import clock
from theseller.lib.secret_type import Secret

CLIENT_ID, CLIENT_SECRET = "the:seller", "a+secret/of the client"
#: How a signature may be made; all but the first are attacks.
SIGNED, UNSIGNED, HMAC_BY_PUBLIC_KEY, OTHER_KEY = "signed", "unsigned", "hmac", "other_key"


class OidcProvider:
    """The provider, while it runs.

    Attributes:
        metadata: what replaces parts of its metadata.
        keys: its keys; the newest signs.
        requests: the paths that it was requested for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata: dict[str, Any] = {}
        self.keys = [ECKey.generate_key("P-256", {"kid": "first"})]
        self.requests: list[str] = []
        self.issuer = ""
        self._codes: dict[str, tuple[dict[str, str], str]] = {}

    @property
    def settings(self) -> OidcSettings:
        return OidcSettings(
            self.issuer,
            CLIENT_ID,
            "Acme login",
            amr=("mfa",),
            ca_file=str(self.folder / "provider.pem"),
        )

    def sign_in(
        self, location: str, *, how: str = SIGNED, response: dict[str, str] | None = None,
        **claims: Any,  # noqa: ANN401
    ) -> str:  # fmt: skip
        """Sign a person in who was sent here, and return the path that they go back to.

        Args:
            location: where the product redirected the browser.
            how: how the ID token is signed.
            response: what replaces parameters of the response.
            claims: what replaces claims of the token; None removes one.
        """
        parts = urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        requested = {name: one for name, [one] in parse_qs(parts.query).items()}
        assert (requested["client_id"], requested["response_type"]) == (CLIENT_ID, "code")
        assert (requested["scope"], requested["code_challenge_method"]) == ("openid", "S256")
        now = int(clock.now().timestamp())
        given = {
            "iss": self.issuer, "sub": "person-1", "aud": CLIENT_ID, "iat": now, "exp": now + 300,
            "auth_time": now, "nonce": requested["nonce"], "amr": ["pwd", "mfa"],
        } | claims  # fmt: skip
        code = secrets.token_urlsafe(16)
        payload = {name: one for name, one in given.items() if one is not None}
        self._codes[code] = (requested, self._token(payload, how))
        answer = {"code": code, "state": requested["state"], "iss": self.issuer} | (response or {})
        return f"{urlsplit(requested['redirect_uri']).path}?{urlencode(answer)}"

    def _token(self, claims: dict[str, Any], how: str) -> str:
        key = self.keys[-1]
        if how == SIGNED:
            return jwt.encode({"alg": "ES256", "kid": key.kid or ""}, claims, key)
        if how == OTHER_KEY:
            other = ECKey.generate_key("P-256")
            return jwt.encode({"alg": "ES256", "kid": key.kid or ""}, claims, other)
        header = {"alg": "none" if how == UNSIGNED else "HS256", "kid": key.kid}
        text = ".".join(_encoded(json.dumps(one).encode()) for one in (header, claims))
        secret = key.as_pem(private=False)
        mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        return f"{text}.{'' if how == UNSIGNED else _encoded(mac)}"

    def answer(self, path: str, body: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of a request."""
        self.requests.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "authorization_response_iss_parameter_supported": True,
            } | self.metadata
        if path == "/keys":
            return 200, {"keys": [one.as_dict(private=False) for one in self.keys]}
        form = {name: one for name, [one] in parse_qs(body).items()}
        requested, token = self._codes.pop(form.get("code", ""), ({}, ""))
        challenge = _encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote_plus(one) for one in pair] != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client"}
        if (
            path != "/token"
            or form.get("redirect_uri") != requested.get("redirect_uri")
            or challenge != requested.get("code_challenge")
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def running_provider(folder: Path) -> Iterator[OidcProvider]:
    """Run a provider at localhost with a certificate of its own."""
    provider = OidcProvider(folder)
    write_certificate(folder / "provider.pem", folder / "provider.key", "localhost")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, body: str) -> None:
            said = provider.answer(self.path, body, self.headers.get("Authorization", ""))
            text = json.dumps(said[1]).encode()
            self.send_response(said[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "provider.pem", folder / "provider.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.issuer = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


class SecretsWithClient:
    """The deployment's secrets, with that of this provider's client."""

    def __init__(self, others: Any) -> None:  # noqa: ANN401
        self._others = others

    def get(self, name: str) -> Secret:
        if name == "oidc-client-secret":
            return Secret(CLIENT_SECRET)
        secret: Secret = self._others.get(name)
        return secret


def for_everyone(settings: OidcSettings) -> OidcSettings:
    """Return the same settings, for members too."""
    return replace(settings, audience=OidcAudience.EVERYONE)
