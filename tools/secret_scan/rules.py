"""Rules of the secret scan: one for each format of a secret.

A rule knows shapes only; decode.py undoes the encodings of a text. Shapes are those that the
issuers publish or that detect-secrets, gitleaks and GitHub's own scanner agree on. Formats without
a shape of their own (a password in an address, an assignment) are known by the name before them,
and pass a test of the value, so that an example or a placeholder is no finding. A repeat that may
contain its own beginning has an upper bound: a hostile file must not take hours.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WORD = frozenset(string.ascii_letters + string.digits)
_PLACEHOLDERS = frozenset(
    {
        "password",
        "passwd",
        "pass",
        "secret",
        "changeme",
        "change-me",
        "example",
        "user",
        "pw",
        "xxx",
        "…",
        "...",
    }
)


def entropy(text: str) -> float:
    """Return Shannon's entropy of the text, in bits per character.

    About 3 for words, over 4 for 40 random base64 characters.
    """
    counts = Counter(text)
    return (
        -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
        if text
        else 0.0
    )


def _always(_value: str) -> bool:
    return True


def _is_random(value: str) -> bool:
    return (
        entropy(value) >= 3.5
        and "EXAMPLE" not in value
        and any(letter.isdigit() for letter in value)
    )


def _is_no_example(value: str) -> bool:
    return not value.endswith("EXAMPLE")


def _is_a_password(value: str) -> bool:
    """Say whether a value is a password and not a placeholder.

    Placeholders are `password`, `<password>`, `{password}`, `$PASSWORD`, `***` and the like.
    """
    return value.lower() not in _PLACEHOLDERS and value[0] not in "<{$%[*:" and len(set(value)) > 2


def _is_a_jwt(value: str) -> bool:
    head = value.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(header, dict) and "alg" in header


@dataclass(frozen=True)
class Rule:
    """A format of secrets.

    `marks`: lower-case texts of which one is in every match; they exclude most texts quickly. The
    value is group 1 of the pattern, or all of it.
    """

    name: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    is_secret: Callable[[str], bool] = _always

    def matches(self, text: str, lowered: str) -> Iterator[int]:
        """Yield where in the text secrets of this format begin.

        `lowered` is the text in lower case.
        """
        if not any(mark in lowered for mark in self.marks):
            return
        for match in self.pattern.finditer(text):
            # A letter or digit right before makes it part of something longer. Asked here: a
            # look-behind would make the search ten times slower.
            inside = match.start() > 0 and text[match.start() - 1] in _WORD and match[0][0] in _WORD
            if not inside and self.is_secret(match[match.re.groups and 1]):
                yield match.start()


def _rule(
    name: str, marks: str, pattern: str, is_secret: Callable[[str], bool] = _always, flags: int = 0
) -> Rule:
    return Rule(name, tuple(marks.split()), re.compile(pattern, flags), is_secret)


_ASSIGNED = r"[\"']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}[\"']?"
"""Between a name and its value in Python, JSON, YAML, TOML, shells and INI files."""

RULES: tuple[Rule, ...] = (
    # Amazon's own formats for selling partners.
    _rule("amazon-refresh-token", "atzr|", r"Atzr\|[A-Za-z0-9+/_=-]{60,}"),
    _rule("amazon-access-token", "atza|", r"Atza\|[A-Za-z0-9+/_=-]{60,}"),
    _rule("amazon-restricted-data-token", "atz.sprdt|", r"Atz\.sprdt\|[A-Za-z0-9+/_=-]{60,}"),
    _rule("amazon-client-secret", "amzn1.oa2-cs.v1.", r"amzn1\.oa2-cs\.v1\.[0-9a-f]{64}"),
    _rule(
        "amazon-old-client-secret",
        "client",
        r"(?i:client[_-]?secret)" + _ASSIGNED + r"([0-9a-f]{64})(?![0-9A-Za-z])",
        _is_random,
    ),
    _rule(
        "amazon-mws-token", "amzn.mws.", r"amzn\.mws\.[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    ),
    _rule(
        "aws-access-key-id",
        "akia asia",
        r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])",
        _is_no_example,
    ),
    _rule(
        "aws-secret-access-key",
        "secret",
        r"(?i:secret[_-]?(?:access)?[_-]?key)"
        + _ASSIGNED
        + r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        _is_random,
    ),
    _rule(
        "aws-session-token",
        "token",
        r"(?i:session[_-]?token)" + _ASSIGNED + r"([A-Za-z0-9/+]{100,}={0,2})",
        _is_random,
    ),
    # This project's.
    _rule("theseller-secret", "theseller-1.", r"theseller-1\.[0-9a-f]{32}\.[A-Za-z0-9_-]{43}"),
    _rule(
        "theseller-root-key",
        "theseller-root-1.",
        r"theseller-root-1\.[a-z]{1,20}\.[0-9A-Za-z_-]{1,64}\.[A-Za-z0-9_-]{43}",
    ),
    _rule("session-key", "secret_key", r"SECRET_KEY" + _ASSIGNED + r"([^\s\"']{32,})", _is_random),
    _rule(
        "postgres-password",
        "postgres",
        r"postgres(?:ql)?(?:\+\w+)?://[^\s:/@\"']{1,64}:([^\s/@\"']{4,128})@",
        _is_a_password,
    ),
    _rule("openbao-token", "hvs. hvb. hvr.", r"hv[sbr]\.[A-Za-z0-9_-]{24,}", _is_random),
    _rule("age-key", "age-secret-key-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _rule(
        "private-key",
        "private key",
        r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----",
    ),
    _rule(
        "json-web-token",
        "eyj",
        r"eyJ[A-Za-z0-9_-]{10,400}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}",
        _is_a_jwt,
    ),
    # Where it is built, hosted and talked about.
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}"),
    _rule(
        "github-fine-grained-token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"
    ),
    _rule(
        "gitlab-token",
        "glpat- glrt- gldt- glptt-",
        r"gl(?:pat|rt|dt|ptt)-[A-Za-z0-9_-]{20,}",
        _is_random,
    ),
    _rule(
        "npm-token",
        "npm_ _authtoken",
        r"(?:npm_[A-Za-z0-9]{36}|_authToken[ \t]{0,4}=["
        r" \t]{0,4}[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})",
    ),
    _rule("pypi-token", "pypi-ageichlwas5vcmc", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    _rule("slack-token", "xox", r"xox[abeprs]-[A-Za-z0-9-]{20,}", _is_random),
    _rule(
        "slack-webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{30,}",
    ),
    _rule(
        "stripe-key",
        "sk_live_ rk_live_ sk_test_ rk_test_ whsec_",
        r"(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{24,}",
    ),
    _rule("sendgrid-key", "sg.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _rule("twilio-key", "sk", r"SK[0-9a-f]{32}(?![0-9A-Za-z])", _is_random),
    _rule("google-api-key", "aiza", r"AIza[A-Za-z0-9_-]{35}"),
    _rule("google-client-secret", "gocspx-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _rule("azure-storage-key", "accountkey=", r"(?i:AccountKey=)[A-Za-z0-9+/]{86}=="),
    _rule(
        "openai-key",
        "t3blbkfj",
        r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,}",
    ),
    _rule("anthropic-key", "sk-ant-", r"sk-ant-[a-z]{2,10}[0-9]{2}-[A-Za-z0-9_-]{80,}"),
    _rule("hugging-face-token", "hf_", r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9_])"),
    _rule("digitalocean-token", "do", r"do[opr]_v1_[0-9a-f]{64}"),
    _rule("supabase-key", "sbp_ sb_secret_", r"(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,})"),
    _rule("shopify-token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _rule("telegram-bot-token", ":aa", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
)
