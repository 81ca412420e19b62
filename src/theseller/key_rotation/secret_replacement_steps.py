"""Steps of the rotation of every text secret.

The new secret is staged, replaces the old one, and the old one is removed.
"""

from __future__ import annotations

from django.conf import settings

from theseller.crypto.cached_secrets import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.crypto.secret_and_key_config import ProviderKind
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.crypto.timestamped_secrets import new_timestamped_secret
from theseller.key_rotation.types import Run, Step
from theseller.lib.policy_time_limits import SECRET_CACHE_SECONDS
from theseller.lib.secret_type import Secret

#: After this long every process has read the secret again: a reading may be as old as the cache
#: when it begins, and takes a while.
SETTLED_SECONDS = 2 * SECRET_CACHE_SECONDS + 1


def secret_provider() -> WritableSecretProvider:
    """Return the deployment's secret provider."""
    return settings.SECRETS


def writable() -> bool:
    """Say whether the secret provider can store secrets.

    Environment variables are read-only: a person changes them and restarts the service.
    """
    return settings.ENVIRONMENT.secret_config.provider is not ProviderKind.ENVIRONMENT


def staged_secret(name: str) -> Secret:
    """Return the staged secret.

    Raises:
        SecretNotFoundError: it was removed; the rotation must not continue.
    """
    return secret_provider().get(name + NEXT_SUFFIX)


def is_staged(name: str) -> bool:
    """Say whether a new secret of this name is staged."""
    return secret_or_none(secret_provider(), name + NEXT_SUFFIX) is not None


def stage(run: Run) -> str:
    """Make the new secret, unless there is one already.

    An interrupted call may have made it, or a person may have provided it.
    """
    secret_provider().ensure(run.secret + NEXT_SUFFIX, new_timestamped_secret)
    return ""


def keep_previous(run: Run) -> str:
    """Keep the current secret as the previous one."""
    secret_provider().put(run.secret + PREVIOUS_SUFFIX, secret_provider().get(run.secret))
    return ""


def switch(run: Run) -> str:
    """Make the staged secret the current one."""
    secret_provider().put(run.secret, staged_secret(run.secret))
    return ""


def drop_next(run: Run) -> str:
    """Remove the staged copy of the secret."""
    secret_provider().remove(run.secret + NEXT_SUFFIX)
    return ""


def drop_previous(run: Run) -> str:
    """Remove the previous secret."""
    secret_provider().remove(run.secret + PREVIOUS_SUFFIX)
    return ""


def settle(run: Run) -> str:
    """Wait until every process has read what was written last."""
    run.context.wait(SETTLED_SECONDS)
    return ""


def previous(name: str) -> Secret | None:
    """Return the previous secret, or None."""
    return secret_or_none(secret_provider(), name + PREVIOUS_SUFFIX)


STAGE = Step("stage", stage, "a new secret is made and laid beside the old one")
KEEP_PREVIOUS = Step("keep-previous", keep_previous, "the old secret is kept as the one before")
SWITCH = Step("switch", switch, "the new secret takes the old one's place")
DROP_NEXT = Step("drop-next", drop_next, "the laid-out copy is removed")
KNOWN = Step("known", settle, "every process has read that the new one will come")
SETTLE = Step("settle", settle, "every process has read the new one")
RETIRE = Step("retire", drop_previous, "the old secret is removed")
