"""Describe the application to the emulated Amazon of a demo or staging.

An operator enters the same data in Developer Central.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path

from theseller.amazon.feature_requirements import OFFERED, roles_for
from theseller.amazon.roles import RestrictedRole
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.crypto.timestamped_secrets import new_timestamped_secret

CLIENT_ID = "amzn1.application-oa2-client.demo"
APPLICATION_ID = "amzn1.sellerapps.app.demo"


def write_application(
    state: Path,
    public_url: str,
    secrets: WritableSecretProvider,
    restricted: Collection[RestrictedRole] = (),
    *,
    client_id: str = CLIENT_ID,
    application_id: str = APPLICATION_ID,
    draft: bool = False,
) -> Path:
    """Write the emulator's application file and return its path.

    Its mode is 0600: it contains the client secret. `restricted` are the restricted roles that the
    emulated Amazon has granted to the application: none, unless the deployment is configured so.
    `draft` is whether the application is one.
    """
    folder = state / "emulator"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "application.json"
    content = {
        "application_id": application_id,
        "client_id": client_id,
        "client_secrets": [secrets.ensure("lwa-client-secret", new_timestamped_secret).reveal()],
        "draft": draft,
        "name": "TheSeller (demo)",
        "redirect_uris": [f"{public_url}/connections/callback/"],
        "roles": [
            *(role.value for role in roles_for(OFFERED)),
            *(role.at_amazon for role in restricted),
        ],
    }
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(content, handle, indent=1)
    fresh.replace(path)
    return path
