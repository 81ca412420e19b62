"""Remove secrets and personal data from log fields and texts.

Two rules: a value under a sensitive name is replaced, whatever it is; in other text, everything
shaped like a secret is replaced. This is the last defense. The first is that secrets are of type
`Secret` and payload values are not logged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum

from theseller.lib.safe_tracebacks import describe
from theseller.lib.secret_type import REDACTED, Secret

_MAX_DEPTH = 12

_SENSITIVE_WORD = (
    r"password|passwd|passphrase|secret|token|authori[sz]ation|cookie"
    r"|credential|api_?key|private_?key|root_?key|session_?key"
    r"|signature|ticket|oauth_?code|otp|recovery_?code|e_?mail"
)
#: Secrets of an OAuth response whose names are too common to match inside longer names.
_EXACT_NAMES = frozenset(
    {"code", "state", "dsn", "sessionid", "session_id", "sid", "spapi_oauth_code"}
)
_SENSITIVE_NAME = re.compile(_SENSITIVE_WORD)

# All repetitions are bounded: a log line must not cause a quadratic search.
_NAME = (
    rf"[\w.-]{{0,64}}(?:{_SENSITIVE_WORD.replace('_?', '[_-]?')})[\w.-]{{0,64}}"
    rf"|(?:spapi_oauth_)?code|state|dsn|session_?id|sid|x-amz-[\w-]{{1,64}}"
)
_QUOTED = r'\\?"(?:[^"\\]|\\[^"])*\\?"|\\?' + r"'(?:[^'\\]|\\[^'])*\\?'"
_SPACE = r"\s{0,8}"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        REDACTED,
    ),
    # The header lines that carry credentials, to the end of the line: a cookie header holds
    # several.
    (
        re.compile(
            r"(?im)\b((?:proxy-)?authorization|(?:set-)?cookie|x-amz-[\w-]{1,64})"
            r"(\s{0,8}:\s{0,8})[^\s'\",}][^\r\n'\"}]*"
        ),
        rf"\1\2{REDACTED}",
    ),
    # name=value in addresses, forms and keyword texts; 'name': 'value' in printed dictionaries and
    # JSON.
    (re.compile(rf"(?i)(?<![\w.-])({_NAME})=(?:{_QUOTED}|[^\s&\"'#;,)}}\]]+)"), rf"\1={REDACTED}"),
    (
        re.compile(
            rf"(?i)(\\?[\"'])({_NAME})\1({_SPACE}[:,]{_SPACE})b?(?:{_QUOTED}|[^\s\"',}}\])]+)"
        ),
        rf"\1\2\1\3{REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=|%-]{8,}"), rf"\1 {REDACTED}"),
    # Amazon: refresh and access tokens, client secrets. Application and client ids are public.
    (re.compile(r"(?i)Atz[a-z](?:\||%7C|\\u007c)[\w.~+/=|%-]*"), REDACTED),
    (re.compile(r"(?i)amzn1\.oa2-cs\.[\w.-]*"), REDACTED),
    (re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}"), REDACTED),
    # Ours: root keys, one-time links, dated secrets, signed tenants, the emulator's canaries.
    (re.compile(r"theseller-root-\d+\.[\w.=-]*"), REDACTED),
    (re.compile(r"theseller-link-[\w-]*"), REDACTED),
    (re.compile(r"theseller-1\.[0-9a-f]{32}\.[\w-]*"), REDACTED),
    (re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f-]{27}\|\d+\|\d+\|[0-9a-f]+"), REDACTED),
    (re.compile(r"CNRY[A-Z2-7]{20}"), REDACTED),
    # The password in a database address.
    (re.compile(r"(://)[^\s/@'\"]*:[^\s/@'\"]*@"), rf"\1{REDACTED}@"),
    (re.compile(r"[\w.!#$%&*+/=?^`{|}~-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+"), REDACTED),
)


def redact_text(text: str) -> str:
    """Replace everything that looks like a secret or an e-mail address."""
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def is_sensitive_name(name: str) -> bool:
    """Return whether values under this name are presumed secret.

    For example ``refresh_token``, ``X-Amz-Signature`` and ``code``.
    """
    plain = name.casefold().replace("-", "_").replace(" ", "_")
    return plain in _EXACT_NAMES or _SENSITIVE_NAME.search(plain) is not None


def redact(value: object, *, depth: int = 0) -> object:
    """Return `value` as plain JSON values without secrets.

    Bytes become their length. Other objects become their `str`, or their type's name if that fails.
    """
    if isinstance(value, Mapping | list | tuple | AbstractSet):
        return _redact_inside(value, depth + 1) if depth < _MAX_DEPTH else "<too deep>"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or (isinstance(value, bool | int) and not isinstance(value, Enum)):
        return value
    return redact_text(_shown(value))


def _redact_inside(
    value: Mapping[object, object] | list[object] | tuple[object, ...] | AbstractSet[object],
    depth: int,
) -> object:
    if not isinstance(value, Mapping):
        return [redact(item, depth=depth) for item in value]
    return {_name(key): _value_of(_shown(key), item, depth) for key, item in value.items()}


def _value_of(name: str, value: object, depth: int) -> object:
    if is_sensitive_name(name) and value is not None and not isinstance(value, bool):
        return REDACTED
    return redact(value, depth=depth)


def _name(key: object) -> str:
    return REDACTED if isinstance(key, Secret | bytes) else redact_text(_shown(key))


def _shown(value: object) -> str:
    """Return str(value), or a description if its __str__ raises."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, BaseException):
        return describe(value)  # Texts of foreign exceptions quote values.
    try:
        return str(value)
    except Exception:  # noqa: BLE001
        return f"<{type(value).__name__} that cannot be shown>"
