"""The inbox of a demo: every mail that it would have sent.

Anyone who reaches the demo may read it, as links for a new password are needed before a sign-in.
No other deployment has these pages.
"""

from __future__ import annotations

from uuid import UUID

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from theseller.mail.demo_inbox_queries import InboxMail, inbox_mail, inbox_mails
from theseller.mail.types import MailMode

#: For the HTML of a mail: its own styles, and nothing else.
_MAIL_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "frame-ancestors": [SELF],
    "base-uri": [NONE],
    "form-action": [NONE],
    "script-src": None,
    "img-src": None,
    "font-src": None,
    "connect-src": None,
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


@never_cache
@login_not_required
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """List the mails of this demo."""
    _require_inbox()
    return render(request, "mail/inbox.html", {"mails": inbox_mails()})


@never_cache
@login_not_required
@require_safe
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type] # it knows views without arguments only
def message(request: HttpRequest, message: UUID) -> HttpResponse:
    """Show one mail: headers, text and HTML."""
    return render(request, "mail/inbox_message.html", {"mail": _mail(message)})


@never_cache
@login_not_required
@require_safe
@csp_replace(_MAIL_POLICY)  # type: ignore[arg-type] # it knows views without arguments only
def message_html(request: HttpRequest, message: UUID) -> HttpResponse:
    """Return the HTML of one mail, without scripts and other hosts."""
    del request
    return HttpResponse(_mail(message).html)


def _mail(message: UUID) -> InboxMail:
    _require_inbox()
    found = inbox_mail(message)
    if found is None:
        raise Http404
    return found


def _require_inbox() -> None:
    if settings.MAIL.mode is not MailMode.INBOX:
        raise Http404
