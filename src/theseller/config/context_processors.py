"""Context processor: deployment details in every page's frame."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from theseller import __version__
from theseller.accounts.sign_up.types import SignUpMode
from theseller.config.demo_sign_in_instructions import demo_sign_in


def deployment_context(request: HttpRequest) -> dict[str, Any]:
    """Return the template context of every page.

    Tenant context (None on public pages) and shop name, deployment kind, version, operator, single
    sign-on and sign-up, whether Amazon is emulated, and the demo's sign-in instructions.
    """
    tenant_context = getattr(request, "tenant_context", None)
    return {
        "tenant_context": tenant_context,
        "tenant_name": tenant_context.tenant_name if tenant_context else "",
        "deployment": settings.ENVIRONMENT.kind.value,
        "version": __version__,
        "operator_identity": settings.OPERATOR_IDENTITY,
        "sso": settings.OIDC,
        "sign_up_allowed": settings.SIGN_UP is SignUpMode.VERIFIED,
        "emulated": settings.ENVIRONMENT.emulator_url is not None,
        # Called by the start page only: a secret is read for it.
        "demo_sign_in": partial(demo_sign_in, request),
    }
