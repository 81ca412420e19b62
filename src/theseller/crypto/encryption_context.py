"""The encryption context (associated data) of a sealed value.

A value that was sealed in one context opens in no other, so moving a ciphertext gains nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from theseller.crypto.key_types import Purpose, checked_environment

#: The tenant of what belongs to the deployment as a whole.
NO_TENANT = UUID(int=0)

_FIELDS = {
    "tenant": UUID,
    "table": str,
    "column": str,
    "row": str,
    "purpose": Purpose,
    "environment": str,
}
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class EncryptionContext:
    """One cell: tenant, table (or file), column, row, purpose and environment.

    Raises:
        TypeError: a field has another type. A tenant as text would encode differently from the same
            one as a UUID.
        ValueError: a text is empty or has no UTF-8 form, or the environment's name is invalid.
    """

    tenant: UUID
    table: str
    column: str
    row: str
    purpose: Purpose
    environment: str

    def __post_init__(self) -> None:
        for name, kind in _FIELDS.items():
            value: object = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(
                    f"an encryption context takes its {name} as {kind.__name__}, not"
                    f" {type(value).__name__}"
                )
            if isinstance(value, str) and (not value or _SURROGATE.search(value)):
                raise ValueError(
                    f"an encryption context needs a {name} that is not empty and has a UTF-8 form"
                )
        checked_environment(self.environment)

    def canonical(self) -> bytes:
        """Return the context as bytes, different for any two contexts.

        Each of the six fields, in order, is four bytes of length (big-endian) and then its bytes:
        the tenant's 16, the others' UTF-8. Lengths make the split unambiguous, so no two contexts
        share an encoding.
        """
        texts = (self.table, self.column, self.row, self.purpose.value, self.environment)
        fields = (self.tenant.bytes, *(text.encode() for text in texts))
        return b"".join(len(field).to_bytes(4) + field for field in fields)
