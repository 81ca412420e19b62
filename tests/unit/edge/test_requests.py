"""Headers, ids, error pages and addresses, asked for through the whole chain of middleware."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from tests.unit.edge.specimen_urls import SCREENS

from theseller.edge import error_pages
from theseller.edge.client_address import bucket_key
from theseller.edge.csp_directives import content_security_policy
from theseller.edge.page_context import navigation
from theseller.edge.rate_limits import Rate
from theseller.edge.request_ids_and_headers import RequestIdMiddleware, SecurityHeadersMiddleware


@pytest.fixture(autouse=True)
def _specimens() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.unit.edge.specimen_urls", SECURE_SSL_REDIRECT=False):
        yield


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def test_every_response_has_the_security_headers(client: Client) -> None:
    response = client.get("/healthz")
    assert response.content == b"ok"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Referrer-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert "Strict-Transport-Security" not in response


def test_content_security_policy_allows_no_unsafe_or_data_source(client: Client) -> None:
    policy = client.get("/dashboard/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy


def test_csp_form_action_allows_only_self_and_named_origins() -> None:
    directives = content_security_policy(form_action=["https://sellercentral.example"])[
        "DIRECTIVES"
    ]
    assert directives["form-action"] == ["'self'", "https://sellercentral.example"]


def test_each_request_has_an_id_of_our_own(client: Client) -> None:
    ids = {
        client.get("/healthz", headers={"X-Request-Id": "theirs\nforged"})["X-Request-Id"]
        for _ in range(2)
    }
    assert len({UUID(text) for text in ids}) == 2


def test_the_id_is_bound_to_the_log_only_during_its_request() -> None:
    seen: list[object] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(structlog.contextvars.get_contextvars().get("request_id"))
        return HttpResponse()

    response = RequestIdMiddleware(answer)(RequestFactory().get("/"))
    assert seen == [response["X-Request-Id"]]
    assert "request_id" not in structlog.contextvars.get_contextvars()


def _stored(stated: str | None, *, path: str = "/", session: bool) -> str:
    request = RequestFactory().get(path)
    if session:
        request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"
    response = HttpResponse(headers={"Cache-Control": stated} if stated else {})
    return str(SecurityHeadersMiddleware(lambda _request: response)(request)["Cache-Control"])


def test_page_of_a_signed_in_session_is_never_cached() -> None:
    assert _stored(None, session=True) == "private, no-store"
    assert _stored("public, max-age=60", session=True) == "private, no-store"
    assert _stored("no-store", session=True) == "no-store"


def test_public_page_is_uncached_unless_it_sets_cache_control() -> None:
    assert _stored("public, max-age=60", session=False) == "public, max-age=60"
    assert _stored(None, session=False) == "private, no-store"


def test_style_sheets_may_be_stored_also_in_a_session() -> None:
    assert (
        _stored("max-age=60, public", path="/static/edge/css/tokens.css", session=True)
        == "max-age=60, public"
    )


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_error_page_has_status_request_id_and_link(client: Client, status: int) -> None:
    response = client.get(f"/error/{status}/")
    assert response.status_code == status
    page = response.content.decode()
    assert response["X-Request-Id"] in page
    assert page.count("<h1>") == 1
    assert 'href="/"' in page


def test_unknown_page_is_404_and_failing_page_is_500_with_request_id(client: Client) -> None:
    assert client.get("/nowhere/").status_code == 404
    broken = client.get("/broken/")
    assert broken.status_code == 500
    assert "as planned" not in broken.content.decode()
    assert broken["X-Request-Id"] in broken.content.decode()


def test_429_page_states_the_waiting_time() -> None:
    response = error_pages.too_many_requests(RequestFactory().get("/"), 90)
    assert response.status_code == 429
    assert response["Retry-After"] == "90"
    assert "Wait 2 minutes" in response.content.decode()


def test_error_page_without_templates_uses_fallback_page() -> None:
    with override_settings(TEMPLATES=[]):
        response = error_pages.error_page(None, 500)
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()


@pytest.mark.parametrize("screen", SCREENS)
def test_screens_render_with_one_heading_and_one_landmark(client: Client, screen: str) -> None:
    response = client.get(screen)
    assert response.status_code == 200
    page = response.content.decode()
    assert page.count("<main") == 1
    assert 'class="skip"' in page
    assert " style=" not in page


def test_navigation_marks_the_current_page_and_omits_unknown_urls() -> None:
    assert [(item.label, item.current) for item in navigation("/products/42/")][:2] == [
        ("Dashboard", False),
        ("Products", True),
    ]
    with override_settings(
        THESELLER_NAVIGATION=(("no:where", "Nowhere", "box"), ("healthz", "Health", "check"))
    ):
        assert [item.label for item in navigation("/")] == ["Health"]


def test_bucket_key_is_a_keyed_hash_of_limit_and_subject() -> None:
    key = bucket_key("sign-in", "ip:203.0.113.9")
    assert len(key) == 64
    assert key != bucket_key("sign-up", "ip:203.0.113.9")
    with override_settings(SECRET_KEY="another"):
        assert key != bucket_key("sign-in", "ip:203.0.113.9")


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_rate_that_never_allows_is_refused(per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate(per_second, burst)
