"""What is a problem of a host."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from theseller.config.shared_setting_hashes import SHARED_SETTINGS, setting_hashes
from theseller.operators.deployment_status.host_status_lines import (
    differing_settings,
    host_problems,
)
from theseller.tenancy.host_reports_and_clocks import WrongClockError, refuse_wrong_clock
from theseller.tenancy.host_types import Host

ONE = Host(UUID(int=1), "worker", "one", "1.0", {"THESELLER_KEY_STORE": "a"}, "", 0.0, 50, 100, 2.0)
TWO = replace(ONE, id=UUID(int=2), name="two")


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({}, []),
        ({"age": 31.0}, ["the worker of host two has not reported for 1 min"]),
        ({"clock_ahead": -6.0}, ["the clock of host two differs from the database's by 6 s"]),
        ({"disk_free": 9}, ["less than 10 % of the disk of host two is free"]),
        (
            {"version": "1.1"},
            [
                "the worker of host one runs version 1.0",
                "the worker of host two runs version 1.1",
            ],
        ),
        (
            {"settings": {"THESELLER_KEY_STORE": "b"}},
            [
                f"hosts differ in THESELLER_KEY_STORE: look at host {name}, worker"
                for name in ("one", "two")
            ],
        ),
    ],
)
def test_each_problem_of_a_host_is_named(change: dict[str, object], problems: list[str]) -> None:
    found = (ONE, replace(TWO, **change))  # type: ignore[arg-type]
    assert list(host_problems(found)) == problems


def test_a_silent_host_makes_no_difference_to_the_others() -> None:
    silent = replace(TWO, age=60.0, settings={}, version="0.9")
    assert [str(one) for one in host_problems((ONE, silent))] == [
        "the worker of host two has not reported for 1 min"
    ]
    assert differing_settings(ONE, (ONE, TWO)) == ()


def test_hashes_are_of_shared_settings_only_and_show_no_value() -> None:
    environ = {"THESELLER_KEY_STORE": "vault", "THESELLER_PORT": "8100", "THESELLER_MAIL_URL": " "}
    hashes = setting_hashes(environ)
    assert list(hashes) == ["THESELLER_KEY_STORE"]
    assert "vault" not in str(hashes)
    assert not any("SECRET_ID" in name or "TOKEN" in name for name in SHARED_SETTINGS)


@pytest.mark.parametrize("ahead", [-5.1, 5.1])
def test_a_clock_that_is_off_by_more_than_five_seconds_is_refused(ahead: float) -> None:
    refuse_wrong_clock(5.0 if ahead > 0 else -5.0)
    with pytest.raises(WrongClockError, match=r"this host's clock is 5 s"):
        refuse_wrong_clock(ahead)
