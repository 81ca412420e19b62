"""Who operates this deployment, as the security page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theseller.config.environment import InvalidSettingError, read_environment_kind
from theseller.lib.placeholder_detection import is_placeholder

_LENGTH_MAX = 200
#: The settings, in the order of the parts.
_VARIABLES = (
    "THESELLER_SECURITY_OFFICER",
    "THESELLER_SECURITY_CONTACT",
    "THESELLER_LEGAL_ENTITY",
    "THESELLER_LEGAL_ADDRESS",
)


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
        return all(self.parts)

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The four texts, in the order of the settings."""
        return self.officer, self.contact, self.legal_entity, self.legal_address


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

    officer, contact, legal_entity, legal_address = map(read, _VARIABLES)
    if contact and ("@" not in contact[1:-1] or " " in contact):
        raise InvalidSettingError("THESELLER_SECURITY_CONTACT must be an e-mail address")
    return OperatorIdentity(officer, contact, legal_entity, legal_address)


def require_operator_identity(environ: Mapping[str, str]) -> None:
    """Check that a deployment for real sellers names who operates it.

    Web and worker call it when they start; a demo and tests need not say it.

    Raises:
        InvalidSettingError: a setting is wrong, missing or a placeholder; it names each.
    """
    identity = read_operator_identity(environ)
    kind = read_environment_kind(environ)
    unusable = placeholder_settings(identity)
    if kind.guarded and unusable:
        raise InvalidSettingError(
            f"{' and '.join(unusable)}: {kind} needs the real text, which the public security page"
            " shows (`theseller setup` asks for it)"
        )


def placeholder_settings(identity: OperatorIdentity) -> tuple[str, ...]:
    """Return the names of the settings that are not set or hold a placeholder."""
    return tuple(
        name for name, text in zip(_VARIABLES, identity.parts, strict=True) if is_placeholder(text)
    )
