"""A type for tokens, passwords and keys that never prints.

Wrap a value where it enters, call `reveal()` in the expression that needs it, and assign the plain
value to no variable: a traceback that prints local variables then shows ``<redacted>``. Python
cannot wipe memory, so this type only prevents that a secret leaves by printing, formatting,
logging, pickling, copying or JSON.
"""

from __future__ import annotations

import contextlib
import hmac
from typing import Never, Self, SupportsIndex, final

from typing_extensions import override

REDACTED = "<redacted>"


@final
class Secret:
    """A secret text or byte string, compared in constant time.

    It has no hash, length, iteration or plain conversion: each of them leaks, or invites a
    dictionary of secrets. Compare it with another `Secret` only.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str | bytes) -> None:
        """Store `value`; text is stored as UTF-8.

        Raises:
            TypeError: it is neither text nor bytes (also for a `Secret` in a `Secret`).
            ValueError: the text has a lone surrogate, which has no UTF-8 form.
        """
        if isinstance(value, str):
            encoded: bytes | None = None
            # The codec's own error holds the whole text, so it must not even become the context of
            # ours.
            with contextlib.suppress(UnicodeEncodeError):
                encoded = value.encode()
            if encoded is None:
                raise ValueError("a secret text must be encodable as UTF-8")
        elif isinstance(value, bytes):
            encoded = value
        else:
            raise TypeError(f"a secret is made of str or bytes, not {type(value).__name__}")
        object.__setattr__(self, "_Secret__value", encoded)

    def reveal(self) -> str:
        """Return the plain text.

        Raises:
            ValueError: the secret is a byte string that is no UTF-8 text; use `reveal_bytes`.
        """
        with contextlib.suppress(UnicodeDecodeError):
            return self.__revealed().decode()
        raise ValueError("this secret is bytes, not text: use reveal_bytes()")

    def reveal_bytes(self) -> bytes:
        """Return the plain bytes; for a text, its UTF-8."""
        return self.__revealed()

    def __revealed(self) -> bytes:
        value: bytes = object.__getattribute__(self, "_Secret__value")
        return value

    def __bool__(self) -> bool:
        return bool(self.__revealed())

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__revealed(), other.__revealed())

    __hash__ = None  # type: ignore[assignment]  # the language's own way to say "unhashable"

    @override
    def __repr__(self) -> str:
        return REDACTED

    @override
    def __str__(self) -> str:
        return REDACTED

    @override
    def __format__(self, spec: str) -> str:
        return REDACTED

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    @override
    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("a secret cannot be changed: make a new one")

    @override
    def __delattr__(self, name: str) -> Never:
        raise AttributeError("a secret cannot be changed: make a new one")

    @override
    def __reduce__(self) -> Never:
        raise TypeError("a secret cannot be pickled: pass what finds it, not the secret")

    @override
    def __reduce_ex__(self, protocol: SupportsIndex) -> Never:
        raise TypeError("a secret cannot be pickled: pass what finds it, not the secret")

    @override
    def __getstate__(self) -> Never:
        raise TypeError("a secret cannot be pickled: pass what finds it, not the secret")
