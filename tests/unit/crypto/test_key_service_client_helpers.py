"""Clients of key services: address, optional library, one client per process."""

from __future__ import annotations

import os

import pytest

from theseller.crypto.errors import ServiceError, ServiceState
from theseller.crypto.key_service_client_helpers import PerProcess, checked_address, library


def test_missing_optional_library_error_names_the_setup_command() -> None:
    with pytest.raises(ServiceError, match="`bin/setup vault`") as caught:
        library("hvac_that_nobody_has", "vault")
    assert caught.value.state is ServiceState.NOT_SET_UP


@pytest.mark.parametrize(
    "address",
    [
        "https://vault.example",
        "https://vault.example:8200/",
        "http://127.0.0.1:8200",
        "http://localhost:1",
    ],
)
def test_key_service_address_with_https_or_loopback_is_accepted(address: str) -> None:
    assert checked_address(address) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vault.example",
        "http://vault.example",
        "ftp://127.0.0.1",
        "https://u:p@vault.example",
        "https://",
    ],
)
def test_key_service_address_without_https_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="https://HOST:PORT"):
        checked_address(address)


def test_each_process_has_a_client_of_its_own() -> None:
    made = PerProcess(object)
    assert made.get() is made.get()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"same" if id(made.get()) in inherited(made) else b"own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"own"
    os.close(reader)
    os.close(writer)


def inherited(made: PerProcess[object]) -> set[int]:
    """Return the ids of the clients that were made by other processes."""
    return {id(client) for pid, client in made._made.items() if pid != os.getpid()}
