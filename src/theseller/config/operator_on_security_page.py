"""Who operates this deployment, as the security page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theseller.config.environment import InvalidSettingError

_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class OperatorIdentity:
    """Security officer, public contact, legal entity and its address."""

    officer: str
    contact: str
    legal_entity: str
    legal_address: str

    @property
    def complete(self) -> bool:
        """Whether all four are set."""
        return all((self.officer, self.contact, self.legal_entity, self.legal_address))


def read_operator_identity(environ: Mapping[str, str]) -> OperatorIdentity:
    """Return who operates this deployment; a part that is not set is empty.

    Raises:
        InvalidSettingError: a text is too long or not printable, or the contact is no e-mail
            address.
    """

    def read(name: str) -> str:
        text = environ.get(name, "").strip()
        if len(text) > _LENGTH_MAX or not text.isprintable():
            raise InvalidSettingError(f"{name} must be at most {_LENGTH_MAX} printable characters")
        return text

    contact = read("THESELLER_SECURITY_CONTACT")
    if contact and ("@" not in contact[1:-1] or " " in contact):
        raise InvalidSettingError("THESELLER_SECURITY_CONTACT must be an e-mail address")
    return OperatorIdentity(
        officer=read("THESELLER_SECURITY_OFFICER"),
        contact=contact,
        legal_entity=read("THESELLER_LEGAL_ENTITY"),
        legal_address=read("THESELLER_LEGAL_ADDRESS"),
    )
