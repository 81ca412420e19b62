"""The setting of traces: a collector on this machine, or an encrypted one."""

from __future__ import annotations

import pytest

from theseller.config import trace_settings
from theseller.config.environment import InvalidSettingError
from theseller.config.trace_settings import read_traces_url


@pytest.mark.parametrize(
    "url",
    [
        "", "http://127.0.0.1:4318/v1/traces", "http://[::1]:4318/v1/traces",
        "http://localhost/v1/traces", "https://traces.example.com/v1/traces",
    ],
)  # fmt: skip
def test_addresses_of_collectors_are_accepted(url: str) -> None:
    assert read_traces_url({"THESELLER_TRACES_URL": f" {url} "}) == url
    assert read_traces_url({}) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://traces.example.com/v1/traces", "http://169.254.169.254/v1/traces",
        "https://user:word@traces.example.com/v1/traces", "https://traces.example.com",
        "https://traces.example.com/?to=x", "grpc://127.0.0.1:4317/v1", "127.0.0.1:4318/v1/traces",
        "http://127.0.0.1:port/v1/traces",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_with_an_example(url: str) -> None:
    with pytest.raises(InvalidSettingError, match=r"http://127\.0\.0\.1:4318/v1/traces"):
        read_traces_url({"THESELLER_TRACES_URL": url})


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_settings, "find_spec", lambda _name: None)
    assert read_traces_url({}) == ""
    with pytest.raises(InvalidSettingError, match=r"requirements-tracing\.txt"):
        read_traces_url({"THESELLER_TRACES_URL": "http://127.0.0.1:4318/v1/traces"})
