"""Purposes are kept apart by every provider: by what wraps their keys, and by what a key is called."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from tests.integration.crypto import deployments
from tests.integration.crypto.conftest import KINDS
from tests.integration.crypto.deployments import Deployment
from tests.integration.crypto.services import Moto

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import (
    CannotOpenError,
    KeyStoreError,
    ServiceError,
    ServiceState,
    WrongEnvironmentError,
)
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.purpose_key_identifiers import purpose_identities, without_cache
from theseller.crypto.seal_value import open_sealed, seal
from theseller.crypto.secret_and_key_config import (
    for_environment,
    make_key_store,
    parse_secret_config,
)

PURPOSES = [purpose for purpose in Purpose if purpose is not Purpose.ROOT]
OTHERS = [purpose for purpose in PURPOSES if purpose is not Purpose.PII]

pytestmark = pytest.mark.parametrize("deployment", KINDS, indirect=True)


def _place(purpose: Purpose) -> EncryptionContext:
    return EncryptionContext(NO_TENANT, "facts", "address", "1", purpose, "test")


def _keys(store: KeyStore) -> dict[Purpose, DataKey]:
    return {purpose: store.create(purpose, "separation") for purpose in PURPOSES}


def test_every_purpose_has_its_own_key(deployment: Deployment) -> None:
    store = deployment.store()
    keys = _keys(store)
    identities = purpose_identities(store)
    assert set(identities) >= set(PURPOSES)
    for (one, ones), (two, twos) in combinations(identities.items(), 2):
        assert ones
        assert not ones & twos, (one, two)
    assert len({key.material.reveal_bytes() for key in keys.values()}) == len(PURPOSES)
    for key in keys.values():
        assert key.material.reveal_bytes().hex() not in str(identities)
        store.destroy(key.id)


def test_sealed_message_cannot_be_opened_with_the_key_of_another_purpose(
    deployment: Deployment,
) -> None:
    store = deployment.store()
    keys = _keys(store)
    messages = {
        purpose: seal(key, _place(purpose), b"a name and an address")
        for purpose, key in keys.items()
    }
    for purpose, message in messages.items():
        assert (
            open_sealed(without_cache(store), _place(purpose), message).reveal_bytes()
            == b"a name and an address"
        )
        for other in PURPOSES:
            if other is not purpose:
                with pytest.raises(CannotOpenError):
                    open_sealed(store, _place(other), message)
                with pytest.raises(ValueError, match="cannot seal"):
                    seal(keys[other], _place(purpose), b"")
    for key in keys.values():
        store.destroy(key.id)


@pytest.mark.parametrize("other", OTHERS)
def test_a_key_file_that_is_called_something_else_gives_no_key(
    deployment: Deployment, other: Purpose
) -> None:
    """Move key files as an attacker who can write where keys are stored.

    A token's key then does not serve personal data, nor the other way round.
    """
    store, raw = deployment.store(), deployment.raw
    assert raw is not None
    for mine, called in ((other, Purpose.PII), (Purpose.PII, other)):
        # There is a key of the other purpose, and with it what wraps such keys.
        known, key = store.create(called, "separation"), store.create(mine, "separation")
        content = raw.read(key.id)
        assert content is not None
        raw.write(key.id, json.dumps({**json.loads(content), "purpose": called.value}))
        with pytest.raises(KeyStoreError):
            without_cache(store).get(key.id)
        raw.write(key.id, content)
        assert without_cache(store).get(key.id) == key
        for one in (known, key):
            store.destroy(one.id)


def test_the_store_is_refused_under_another_environments_name(deployment: Deployment) -> None:
    """Check what `cred-least-privilege` requires.

    Files by the environment that the root key names, OpenBao by the documented policy.
    """
    if deployment.name == "aws":
        pytest.skip("moto has no policies: it refuses no request")
    choice = parse_secret_config(
        deployment.environ, environment="test", state=deployment.state, guarded=False
    )
    provider, key = deployment.provider(), deployment.store().create(Purpose.SESSION, "separation")
    other = for_environment(choice, "production")
    with pytest.raises((WrongEnvironmentError, ServiceError)) as refusal:
        make_key_store(other, provider, deployment.environ).get(key.id)
    assert getattr(refusal.value, "state", ServiceState.DENIED) is ServiceState.DENIED
    deployment.store().destroy(key.id)


def test_two_aliases_of_one_kms_key_have_the_same_identity(
    deployment: Deployment, request: pytest.FixtureRequest
) -> None:
    if deployment.name != "aws":
        pytest.skip("only an alias can be a second name; files and transit know none")
    moto: Moto = request.getfixturevalue("moto")
    kms, store = moto.client("kms"), deployment.store()
    aliases = {
        name: kms.describe_key(KeyId=deployments.alias(name))["KeyMetadata"]["KeyId"]
        for name in (Purpose.PII, Purpose.REFRESH_TOKEN)
    }
    kms.update_alias(
        AliasName=deployments.alias(Purpose.PII), TargetKeyId=aliases[Purpose.REFRESH_TOKEN]
    )
    try:
        identities = purpose_identities(store)
        assert identities[Purpose.PII] == identities[Purpose.REFRESH_TOKEN]
    finally:
        kms.update_alias(AliasName=deployments.alias(Purpose.PII), TargetKeyId=aliases[Purpose.PII])
    assert purpose_identities(store)[Purpose.PII] != identities[Purpose.REFRESH_TOKEN]
