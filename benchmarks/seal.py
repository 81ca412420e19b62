"""Benchmark: sealed messages against plain AES-GCM.

And what sealing costs when an account is connected. The baseline is `cryptography`'s AES-256-GCM
with a key that stays and a nonce counted up: what encrypting costs at least. A sealed message also
derives a key of its own (HKDF-SHA-512, two blocks and an extraction), commits to it and binds its
encryption context. Both handle a token of 400 bytes; runs are interleaved. The part of connecting
is a new data key in a key store of files (two fsyncs: the disk's time, shown, without a bar) and
the seal itself, against the bar of one millisecond.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key
from theseller.crypto.seal_value import open_sealed, seal
from theseller.lib.secret_type import Secret

BATCH, RUNS = 2000, 15
#: What we first set ourselves, and miss: a sealed message costs some ten microseconds of key
#: derivation where AES-GCM takes less than one.
LEAST_SHARE = 0.1
CONNECT_MS = 1.0
PLACE = EncryptionContext(
    UUID(int=1),
    "connections_refresh_token",
    "sealed",
    str(UUID(int=2)),
    Purpose.REFRESH_TOKEN,
    "production",
)


class One:
    """One key, at hand."""

    def __init__(self, key: DataKey) -> None:
        self.key = key

    def get(self, _key_id: UUID, /) -> DataKey:
        """Return the one data key."""
        return self.key


def rates(*contestants: Callable[[], object]) -> list[float]:
    """Return calls per second of each, the median of interleaved runs."""
    taken: list[list[float]] = [[] for _ in contestants]
    for _ in range(RUNS):
        for times, call in zip(taken, contestants, strict=True):
            started = perf_counter()
            for _ in range(BATCH):
                call()
            times.append(perf_counter() - started)
    return [BATCH / median(times) for times in taken]


def create_and_seal_ms(token: Secret) -> float:
    """Return the milliseconds of sealing when an account is connected.

    Create and store a data key in files, and seal under it.
    """
    with tempfile.TemporaryDirectory() as folder:
        secrets = FileSecretProvider(Path(folder) / "secrets")
        secrets.put(ROOT_KEY_NAME, new_root_key("production"))
        store = FileKeyStore(Path(folder) / "keys", secrets, environment="production")
        times = []
        for _ in range(50):
            started = perf_counter()
            seal(store.create(Purpose.REFRESH_TOKEN, "connection:1"), PLACE, token)
            times.append(perf_counter() - started)
    return median(times) * 1000


def run() -> list[dict[str, Any]]:
    """Measure; return name, ours, baseline, ratio, unit and bar of each."""
    token = Secret(os.urandom(200).hex())
    key, plain = new_data_key(Purpose.REFRESH_TOKEN), token.reveal_bytes()
    cipher, aad, nonce = AESGCM(os.urandom(32)), PLACE.canonical(), bytes(12)
    sealed, encrypted = seal(key, PLACE, token), cipher.encrypt(nonce, plain, aad)
    assert open_sealed(One(key), PLACE, sealed) == token
    assert cipher.decrypt(nonce, encrypted, aad) == plain
    count = iter(range(10**9))
    seals, encrypts, opens, decrypts = rates(
        lambda: seal(key, PLACE, token),
        lambda: cipher.encrypt(next(count).to_bytes(12), plain, aad),
        lambda: open_sealed(One(key), PLACE, sealed),
        lambda: cipher.decrypt(nonce, encrypted, aad),
    )
    seal_ms = 1000 / seals
    return [
        _result(
            "seal a token of 400 bytes, beside plain AES-GCM",
            seals,
            encrypts,
            "per second",
            LEAST_SHARE,
        ),
        _result(
            "open a sealed token, beside plain AES-GCM", opens, decrypts, "per second", LEAST_SHARE
        ),
        {
            **_result(
                "what sealing adds to a connect, beside 1 ms", seal_ms, CONNECT_MS, "ms", 1.0
            ),
            "better": "lower",
            "with_key_store_in_files_ms": create_and_seal_ms(token),
        },
    ]


def _result(name: str, ours: float, baseline: float, unit: str, bar: float) -> dict[str, Any]:
    return {
        "name": name,
        "ours": ours,
        "baseline": baseline,
        "ratio": ours / baseline,
        "unit": unit,
        "bar": bar,
    }


if __name__ == "__main__":
    for result in run():
        extra = (
            f" ({result['with_key_store_in_files_ms']:.2f} ms with its key made and kept in files)"
            if "better" in result
            else ""
        )
        print(
            f"{result['name']}: {result['ours']:.2f} / {result['baseline']:.2f} {result['unit']},"
            f" ratio {result['ratio']:.2f}{extra}"
        )
