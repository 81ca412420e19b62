"""What the prober measures of real servers: the shipped nginx, and one with faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.edge.edge_site import HOST, Edge, edge

from theseller.cli.outside_prober import tls_measurement
from theseller.cli.outside_prober.target_connection import Target, any_tls
from theseller.cli.outside_prober.tls_measurement import measure_tls
from theseller.controls.catalogue.net_tls import judge
from theseller.controls.prober_reports.message_format import Plan, Report, TlsAtAddress, TlsSection
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.lib import clock

_CIPHERS = (
    "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
    ":ECDHE-RSA-CHACHA20-POLY1305;"
)
#: Old versions and ciphers, and plain HTTP that is served.
_FAULTS = {
    "ssl_protocols TLSv1.2 TLSv1.3;": "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;",
    _CIPHERS: "ssl_ciphers ALL:@SECLEVEL=0;",
    # The address stays in a comment: the tests' own change looks for it.
    "{ return 301 https://shop.example$request_uri; }": (
        "{ proxy_pass http://theseller; } # https://shop.example$request_uri"
    ),
}


@pytest.fixture(autouse=True)
def _name_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "addresses", lambda _target: ["127.0.0.1"])


def _measure(site: Edge, host: str = HOST) -> TlsSection:
    return measure_tls(Target(f"https://{host}:{site.tls}", site.plain))


def _verified(section: TlsSection) -> VerifiedReport:
    url = f"https://{HOST}"
    return VerifiedReport(
        Report("", "", "", "", url, "", tls=section),
        Plan("", "", url, "", [], [], limits=False),
        frozenset(),
        clock.now(),
    )


def _judged(section: TlsSection) -> tuple[TlsAtAddress, str]:
    judgment = judge(_verified(section), clock.now())
    assert not judgment.unseen
    return section.addresses[0], " ".join(judgment.failures)


@pytest.fixture(scope="module")
def shipped() -> Iterator[Edge]:
    with edge() as running:
        yield running


def test_shipped_edge_refuses_old_tls_and_redirects(
    shipped: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(shipped.folder / "fullchain.pem"))
    section = _measure(shipped)
    assert section.offered == [*tls_measurement.VERSIONS, tls_measurement.OLD_CIPHERS]
    found, said = _judged(section)
    assert found.versions == {
        "TLSv1": "refused",
        "TLSv1_1": "refused",
        "TLSv1_2": "accepted",
        "TLSv1_3": "accepted",
    }
    assert (found.old_ciphers, found.redirect_status) == ("refused", 301)
    # HSTS is the application's, and a server of the test is behind this nginx; its certificate
    # ends in two days.
    assert said == (
        "The certificate at 127.0.0.1 is valid for 1 more day(s)."
        " Pages at 127.0.0.1 do not require HTTPS for a year (HSTS)."
    )


def test_certificate_of_another_name_or_authority_is_found(
    shipped: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "self-signed" in _judged(_measure(shipped))[0].certificate_error
    monkeypatch.setenv("SSL_CERT_FILE", str(shipped.folder / "fullchain.pem"))
    found, said = _judged(_measure(shipped, "other.test"))
    assert "other.test" in found.certificate_error
    assert "is not trusted" in said


def test_faults_of_an_edge_are_found() -> None:
    with edge(_FAULTS) as running:
        found, said = _judged(_measure(running))
    assert set(found.versions.values()) == {found.old_ciphers} == {"accepted"}
    assert found.redirect_status == 200
    for finding in (
        "127.0.0.1 accepts TLS 1.0.",
        "127.0.0.1 accepts TLS 1.1.",
        "127.0.0.1 accepts ciphers other than",
        "Plain HTTP at 127.0.0.1 is answered 200, not redirected.",
    ):
        assert finding in said


def test_client_without_old_tls_says_that_it_can_offer_none(
    shipped: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control: where OpenSSL refuses by itself, a refusal proves nothing."""
    known = any_tls
    monkeypatch.setattr(
        tls_measurement,
        "any_tls",
        lambda version, ciphers: known(version, ciphers.replace("@SECLEVEL=0", "@SECLEVEL=2")),
    )
    section = _measure(shipped)
    assert not {"TLSv1", "TLSv1_1"} & set(section.offered)
    judgment = judge(_verified(section), clock.now())
    assert "its own server did not accept TLSv1, TLSv1_1 from it" in judgment.unseen[0]
