"""Answers of listTransactions taken apart without decoding.

The texts of single transactions can be compared with those that were read before, and only the
others decoded.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from theseller.amazon.json_byte_order_marks import plain_json

_Object = dict[str, msgspec.Raw]


class _Head(msgspec.Struct, rename="camel"):
    transaction_id: str | None = None


class UndecodedTransactions(msgspec.Struct, frozen=True):
    """An answer of listTransactions.

    `texts` are its transactions, each with Amazon's transaction id, None where Amazon sent none.
    """

    texts: tuple[tuple[str | None, bytes], ...]
    next_token: str | None
    _body: bytes
    _answer: _Object
    _payload: _Object

    def without(self, keys: Collection[str]) -> bytes:
        """Return the answer without the transactions whose ids are among `keys`."""
        if not keys:
            return self._body
        left = [msgspec.Raw(text) for key, text in self.texts if key not in keys]
        payload = self._payload | {"transactions": msgspec.Raw(msgspec.json.encode(left))}
        answer = self._answer | {"payload": msgspec.Raw(msgspec.json.encode(payload))}
        return msgspec.json.encode(answer)


_ANSWER = msgspec.json.Decoder(_Object)
_TEXTS = msgspec.json.Decoder(list[msgspec.Raw] | None)
_HEAD = msgspec.json.Decoder(_Head)
_TOKEN = msgspec.json.Decoder(str | None)


def take_apart(body: bytes) -> UndecodedTransactions | None:
    """Return the transactions of an answer, undecoded.

    None if it has an unexpected shape: its decoder says what is wrong.
    """
    try:
        answer = _ANSWER.decode(plain_json(body))
        payload = _ANSWER.decode(answer["payload"])
        texts = _TEXTS.decode(payload.get("transactions", b"null")) or ()
        return UndecodedTransactions(
            tuple((_HEAD.decode(text).transaction_id or None, bytes(text)) for text in texts),
            _TOKEN.decode(payload.get("nextToken", b"null")) or None,
            body,
            answer,
            payload,
        )
    except (msgspec.MsgspecError, KeyError, ValueError, RecursionError):
        return None
