"""The demo's own ids of an application are refused wherever the real Amazon is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.config.environment import (
    DEMO_APPLICATION_ID,
    DEMO_CLIENT_ID,
    InvalidSettingError,
    read_environment,
)

_REAL = {
    "THESELLER_LWA_CLIENT_ID": "amzn1.application-oa2-client.0123456789abcdef",
    "THESELLER_APPLICATION_ID": "amzn1.sp.solution.0123456789abcdef",
}
_DEMOS = {
    "THESELLER_LWA_CLIENT_ID": DEMO_CLIENT_ID,
    "THESELLER_APPLICATION_ID": DEMO_APPLICATION_ID,
}
_KINDS = {
    "demo": {"THESELLER_ENV": "demo"},
    **{
        kind: {
            "THESELLER_ENV": kind,
            "THESELLER_PUBLIC_URL": "https://shop.example",
            "THESELLER_TRUSTED_PROXIES": "none",
            "THESELLER_ALLOW_FILE_SECRETS": "yes",
        }
        for kind in ("staging", "production")
    },
}


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("name", _REAL)
@pytest.mark.parametrize("given", ["the demo's", "empty", "missing"])
def test_the_demos_id_is_refused_with_the_real_amazon(
    tmp_path: Path, kind: str, name: str, given: str
) -> None:
    variables = {**_KINDS[kind], **_REAL, "THESELLER_AMAZON": "amazon"}
    if given == "missing":
        del variables[name]
    else:
        variables[name] = _DEMOS[name] if given == "the demo's" else ""
    with pytest.raises(
        InvalidSettingError, match=f"{name} must be the one that Developer Central shows"
    ):
        read_environment(variables, default_state=tmp_path)


@pytest.mark.parametrize("kind", _KINDS)
def test_ids_of_amazons_are_accepted(tmp_path: Path, kind: str) -> None:
    found = read_environment(
        {**_KINDS[kind], **_REAL, "THESELLER_AMAZON": "amazon"}, default_state=tmp_path
    )
    assert (found.lwa_client_id, found.application_id) == tuple(_REAL.values())


def test_with_the_emulator_the_demos_are_the_default_except_in_production(tmp_path: Path) -> None:
    emulator = {"THESELLER_AMAZON": "emulator:http://127.0.0.1:8101"}
    for kind in ("demo", "staging"):
        found = read_environment({**_KINDS[kind], **emulator}, default_state=tmp_path)
        assert (found.lwa_client_id, found.application_id) == (DEMO_CLIENT_ID, DEMO_APPLICATION_ID)
    with pytest.raises(InvalidSettingError, match="production needs THESELLER_AMAZON=amazon"):
        read_environment({**_KINDS["production"], **emulator}, default_state=tmp_path)
