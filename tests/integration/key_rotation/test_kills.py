"""kill -9 at boundaries of every kind of rotation; continued, it converges.

The default run tries one boundary in five, the exhaustive run every one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from tests.integration.deployment import Deployment

#: Two boundaries for each step.
_STEPS = {
    "root-key": 4,
    "purpose-key:refresh_token": 3,
    "certificate-key": 3,
    "second-factor-key": 5,
    "tenant-ticket-key": 6,
    "db-web": 5,
    "db-migrate": 5,
    "db-superuser": 5,
    "django-session-key": 8,
}


#: Those that are killed in the default run: one of each way to keep a secret.
_DEFAULT = (
    "root-key", "purpose-key:refresh_token", "tenant-ticket-key", "db-superuser",
    "django-session-key",
)  # fmt: skip
#: Of how many boundaries the default run tries one: after a step is done, and after it is recorded,
#: by turns.
_STRIDE = 5


def _each(every: Iterable[str], default: Iterable[str]) -> list[object]:
    """Give names with their strides: all with every boundary in the exhaustive run."""
    return [
        *((name, _STRIDE) for name in default),
        *(pytest.param(name, 1, marks=pytest.mark.exhaustive) for name in every),
    ]


def _kills(deployed: Deployment, stride: int, name: str, reason: str, *more: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(deployed.environ, "THESELLER_KILLS_STRIDE", str(stride))
        done = deployed.python("tests.integration.key_rotation.kills", name, reason, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout)


@pytest.mark.parametrize(("name", "stride"), _each(_STEPS, _DEFAULT))
def test_rotation_killed_at_any_step_can_be_completed(
    deployed: Deployment, name: str, stride: int
) -> None:
    assert _kills(deployed, stride, name, "manual") == math.ceil(2 * _STEPS[name] / stride)


@pytest.mark.parametrize(("name", "stride"), _each(["connection-key"], ["connection-key"]))
def test_connection_key_rotation_killed_at_any_step_can_be_completed(
    deployed: Deployment, name: str, stride: int
) -> None:
    name = f"{name}:{deployed.people()[0]['connection']}"
    assert _kills(deployed, stride, name, "manual") == math.ceil(2 * 3 / stride)


@pytest.mark.parametrize(("name", "stride"), _each(["lwa-client-secret"], ["lwa-client-secret"]))
def test_client_secret_rotation_killed_at_any_step_can_be_completed(
    deployed: Deployment, name: str, stride: int
) -> None:
    new = deployed.ask_emulator("rotate_secret")["client_secret"]
    assert _kills(deployed, stride, name, "manual", new) == math.ceil(2 * 7 / stride)
    assert deployed.secret(name) == new


@pytest.mark.parametrize(
    ("name", "stride"),
    _each(["tenant-ticket-key", "db-worker", "django-session-key"], ["django-session-key"]),
)
def test_rotation_of_a_leaked_secret_killed_at_any_step_can_be_completed(
    deployed: Deployment, name: str, stride: int
) -> None:
    assert _kills(deployed, stride, name, "leaked") >= 10 / stride
