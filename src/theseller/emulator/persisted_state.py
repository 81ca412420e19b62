"""What the emulator stores over a restart.

Authorizations, codes, tokens, client secrets, reports, requested changes and the clock's offset.

One JSON file, replaced atomically, readable by its owner only. Tokens, codes and secrets are in it
as SHA-256 hashes and nowhere else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

CODE_LIFETIME = timedelta(minutes=5)
ACCESS_LIFETIME = timedelta(seconds=3600)
AUTHORISATION_LIFETIME = timedelta(days=365)
SECRET_OVERLAP = timedelta(days=7)
REPORT_RETENTION = timedelta(days=90)

Record = dict[str, Any]
_EMPTY: dict[str, Any] = {
    "version": 1,
    "clock_offset": 0.0,
    "authorisations": {},
    "codes": {},
    "grants": {},
    "access": {},
    "secrets": [],
    "reports": {},
    "changes": [],
}


def digest(token: str) -> str:
    """Return the only form in which a token, code or secret is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


class StateFileError(ValueError):
    """The state file cannot be used; the message says what to do."""


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        data = None
    if not isinstance(data, dict) or data.get("version") != 1:
        message = (
            f"{path} is not a state file of this emulator; move it away to begin with no"
            " authorization"
        )
        raise StateFileError(message)
    return data


class State:
    """The state file and its content.

    Every method that changes something has written the file when it returns.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = directory / "emulator.json"
        self.lock = threading.RLock()  # Operations run in threads.
        self.data: dict[str, Any] = json.loads(json.dumps(_EMPTY))
        with contextlib.suppress(FileNotFoundError):
            self.data |= _read(self.path)

    def save(self) -> None:
        """Replace the file; a kill at any moment leaves the old or the new one."""
        temporary = self.path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.data, separators=(",", ":")))
        temporary.replace(self.path)

    def change(self, name: str, key: str, record: Record) -> None:
        """Put one record and write the file."""
        with self.lock:
            self.data[name][key] = record
            self.save()

    def _prune(self, at: datetime) -> None:
        now = at.timestamp()
        for name in ("codes", "access"):
            kept = {
                key: record
                for key, record in self.data[name].items()
                if record["expires"] > now - 86400
            }
            self.data[name] = kept
        horizon = now - REPORT_RETENTION.total_seconds()
        self.data["reports"] = {
            key: record
            for key, record in self.data["reports"].items()
            if record["created"] >= horizon
        }

    def authorise(
        self,
        seller_id: str,
        redirect_uri: str,
        roles: list[str],
        at: datetime,
        *,
        named: bool = True,
    ) -> str:
        """Record a seller's consent and return the authorization code.

        The code itself is not stored.

        Args:
            seller_id: the seller account.
            redirect_uri: where the code is sent.
            roles: the roles that the seller approved.
            at: the time of the consent.
            named: whether the request for consent had the redirect URI in it. Only then must the
                exchange repeat it (RFC 6749 §4.1.3).
        """
        code = "RH" + secrets.token_hex(9)
        record = {
            "seller": seller_id,
            "redirect_uri": redirect_uri,
            "roles": roles,
            "used": False,
            "named": named,
        }
        self.change("codes", digest(code), {**record, "expires": (at + CODE_LIFETIME).timestamp()})
        return code

    def redeem(
        self, code: str, redirect_uri: str, client_id: str, at: datetime
    ) -> tuple[str, str] | None:
        """Exchange an authorization code for (access token, refresh token).

        None if the code is unknown, expired, used, or issued for another redirect URI.
        """
        record = self.data["codes"].get(digest(code))
        if record is None or record["used"] or record["expires"] <= at.timestamp():
            return None
        if redirect_uri != record["redirect_uri"] and (redirect_uri or record.get("named", True)):
            return None
        record["used"] = True
        refresh = "Atzr|" + secrets.token_urlsafe(240)
        seller = record["seller"]
        self.data["authorisations"][seller] = {
            "status": "AUTHORIZED",
            "granted": at.timestamp(),
            "roles": record["roles"],
        }
        self.data["grants"][digest(refresh)] = {
            "seller": seller,
            "client_id": client_id,
            "roles": record["roles"],
            "expires": (at + AUTHORISATION_LIFETIME).timestamp(),
        }
        return self._access(seller, record["roles"], at), refresh

    def names_redirect(self, code: str) -> bool:
        """Say whether the code's exchange must repeat the redirect URI."""
        record = self.data["codes"].get(digest(code))
        return record is None or bool(record.get("named", True))

    def grant(self, refresh: str, at: datetime) -> Record | None:
        """Return the valid grant of a refresh token.

        None if the token is unknown, expired or revoked.
        """
        record: Record | None = self.data["grants"].get(digest(refresh))
        if (
            record is None
            or record["expires"] <= at.timestamp()
            or not self.authorised(record["seller"])
        ):
            return None
        return record

    def refresh(self, record: Record, at: datetime) -> str:
        """Return a new access token of a grant."""
        return self._access(record["seller"], record["roles"], at)

    def grantless(self, at: datetime) -> str:
        """Return an access token that belongs to no seller."""
        return self._access("", [], at)

    def restricted(self, seller: str, roles: list[str], grants: list[Record], at: datetime) -> str:
        """Return a restricted data token.

        It is an access token that opens only the resources in `grants`, for as long as any other.
        """
        return self._access(seller, roles, at, prefix="Atz.sprdt|", restricted=grants)

    def _access(
        self,
        seller: str,
        roles: list[str],
        at: datetime,
        *,
        prefix: str = "Atza|",
        restricted: list[Record] | None = None,
    ) -> str:
        token = prefix + secrets.token_urlsafe(240)
        record: Record = {
            "seller": seller,
            "roles": roles,
            "expires": (at + ACCESS_LIFETIME).timestamp(),
        }
        if restricted is not None:
            record["restricted"] = restricted
        with self.lock:
            self._prune(at)
            self.change("access", digest(token), record)
        return token

    def access(self, token: str) -> Record | None:
        """Return what an access token was issued for, also if it has expired."""
        record: Record | None = self.data["access"].get(digest(token))
        return record

    def authorised(self, seller_id: str) -> bool:
        """Say whether the seller's authorization exists and is not disabled."""
        record = self.data["authorisations"].get(seller_id)
        return bool(record and record["status"] == "AUTHORIZED")

    def set_status(self, seller_id: str, status: str) -> bool:
        """Disable or reactivate a seller's authorization; False if there is none.

        The seller's tokens work again after a reactivation, as at Amazon.
        """
        record = self.data["authorisations"].get(seller_id)
        if record is None:
            return False
        record["status"] = status
        self.save()
        return True

    def secret_valid(self, secret: str, configured: tuple[str, ...], at: datetime) -> bool:
        """Say whether a client secret is valid.

        Before the first rotation the first two of `configured` are, without an end. Later the
        newest is, and each that a rotation replaced is for seven days after it.
        """
        rotated: list[Record] = self.data["secrets"]
        known: dict[str, float | None] = {digest(entry): None for entry in configured[:2]}
        for record in rotated:
            known[record["hash"]] = record["expires"]
        found = digest(secret)
        if found not in known:
            return False
        expires = known[found]
        return expires is None or expires > at.timestamp()

    def rotate_secret(self, secret: str, configured: tuple[str, ...], at: datetime) -> None:
        """Make `secret` the newest client secret.

        The one before it, or the two configured ones before the first rotation, remain valid for
        seven more days. Those that were replaced earlier keep their expiry.
        """
        expires = (at + SECRET_OVERLAP).timestamp()
        rotated: dict[str, Record] = {record["hash"]: record for record in self.data["secrets"]}
        for entry in [digest(text) for text in configured[:2]] + list(rotated):
            current = rotated.get(entry, {"hash": entry, "expires": None})
            if current["expires"] is None:
                rotated[entry] = {"hash": entry, "expires": expires}
        rotated[digest(secret)] = {"hash": digest(secret), "expires": None}
        self.data["secrets"] = list(rotated.values())
        self.save()
