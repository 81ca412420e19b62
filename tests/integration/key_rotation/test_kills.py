"""kill -9 at every boundary of every kind of rotation; continued, it converges."""

from __future__ import annotations

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
_DEFAULT = {
    "root-key",
    "purpose-key:refresh_token",
    "tenant-ticket-key",
    "db-superuser",
    "django-session-key",
}


@pytest.mark.parametrize(
    "name",
    [
        name if name in _DEFAULT else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in _STEPS
    ],
)
def test_rotation_killed_at_any_step_can_be_completed(deployed: Deployment, name: str) -> None:
    done = deployed.python("tests.integration.key_rotation.kills", name, "manual")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) == 2 * _STEPS[name]


def test_connection_key_rotation_killed_at_any_step_can_be_completed(deployed: Deployment) -> None:
    done = deployed.python(
        "tests.integration.key_rotation.kills",
        f"connection-key:{deployed.people()[0]['connection']}",
        "manual",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) == 2 * 3


def test_client_secret_rotation_killed_at_any_step_can_be_completed(deployed: Deployment) -> None:
    new = deployed.ask_emulator("rotate_secret")["client_secret"]
    done = deployed.python(
        "tests.integration.key_rotation.kills", "lwa-client-secret", "manual", new
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) == 2 * 7
    assert deployed.secret("lwa-client-secret") == new


@pytest.mark.parametrize(
    "name",
    [
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in ("tenant-ticket-key", "db-worker")
        ),
        "django-session-key",
    ],
)
def test_rotation_of_a_leaked_secret_killed_at_any_step_can_be_completed(
    deployed: Deployment, name: str
) -> None:
    done = deployed.python("tests.integration.key_rotation.kills", name, "leaked")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) >= 10
