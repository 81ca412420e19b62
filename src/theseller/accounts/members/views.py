"""The page of a shop's members, for its owners."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.members import operations
from theseller.accounts.members.forms import ROLE_CHOICES, InviteForm, MarketplacesForm, RoleForm
from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.members.queries import members, pending_invitations
from theseller.accounts.members.types import MembershipRefusedError, NotAMemberError
from theseller.accounts.mfa.decorators import step_up_required, step_up_required_to_change
from theseller.accounts.one_time_link_tokens import IssuedLink
from theseller.accounts.types import MemberRole, Permission, TenantContext
from theseller.edge.database_routing import accounts_database
from theseller.edge.rate_limits import Rate, Subject, by_account, limited
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

_RATES: dict[Subject, Rate] = {by_account: Rate.per_minute(6, burst=30)}


@require_http_methods(["GET", "POST"])
@limited("members", _RATES)
@tenant_permission_required(Permission.MEMBER_MANAGE)
@step_up_required_to_change
def members_page(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show members and invitations (GET), or invite a person (POST).

    The answer to POST shows the one-time link, this once.
    """
    form = InviteForm(request.POST or None, initial={"role": MemberRole.ANALYST.value})
    if request.method == "POST" and form.is_valid():
        try:
            link = operations.invite(
                email=form.cleaned_data["email"],
                role=MemberRole(form.cleaned_data["role"]),
                tenant=tenant_context.tenant,
                actor=tenant_context.actor,
                at=clock.now(),
                owner=tenant_context.person,
                inviter=tenant_context.person_name,
                marketplaces=form.cleaned_data["marketplaces"],
            )
        except MembershipRefusedError as refusal:
            form.add_error("email", translated_error(refusal))
        else:
            if link.mailed:
                messages.success(
                    request,
                    _("The invitation is sent to %(email)s.")
                    % {"email": form.cleaned_data["email"]},
                )
                return redirect("accounts:members")
            fresh = InviteForm(initial={"role": MemberRole.ANALYST.value})
            return _page(request, tenant_context, fresh, link=link, status=200)
    return _page(request, tenant_context, form, status=200 if request.method == "GET" else 422)


@require_POST
@limited("members", _RATES)
@tenant_permission_required(Permission.MEMBER_MANAGE)
@step_up_required
def change_role(request: HttpRequest, tenant_context: TenantContext, person: UUID) -> HttpResponse:
    """Change the role of a member."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a role. Nothing was changed."))
        return redirect("accounts:members")
    role = MemberRole(form.cleaned_data["role"])
    return _done(
        request,
        lambda: operations.change_role(
            person=person,
            role=role,
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
            owner=tenant_context.person,
        ),
        _("The role was changed."),
        url="/" if person == tenant_context.person and role is not MemberRole.OWNER else "",
    )


@require_http_methods(["GET", "POST"])
@limited("members", _RATES)
@tenant_permission_required(Permission.MEMBER_MANAGE)
@step_up_required_to_change
def marketplaces(request: HttpRequest, tenant_context: TenantContext, person: UUID) -> HttpResponse:
    """Show (GET) or change (POST) the marketplaces that a member sees."""
    with tenant_scope(tenant_context.tenant, using=accounts_database()):
        member = next((one for one in members() if one.person == person), None)
    if member is None or member.role is MemberRole.OWNER:
        raise Http404
    form = MarketplacesForm(
        request.POST if request.method == "POST" else None,
        initial={
            "scope": "all" if member.marketplaces is None else "some",
            "marketplaces": sorted(member.marketplaces or ()),
        },
    )
    if request.method == "POST" and form.is_valid():
        return _done(
            request,
            lambda: limit_member(
                person=person,
                marketplaces=form.cleaned_data["marketplaces"],
                tenant=tenant_context.tenant,
                owner=tenant_context.person,
                at=clock.now(),
            ),
            _("The member sees these marketplaces only now.")
            if form.cleaned_data["marketplaces"]
            else _("The member sees all marketplaces now."),
        )
    response = render(
        request,
        "accounts/member_marketplaces.html",
        {"member": member, "form": form},
        status=422 if request.method == "POST" else 200,
    )
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
@limited("members", _RATES)
@tenant_permission_required(Permission.MEMBER_MANAGE)
@step_up_required
def transfer(request: HttpRequest, tenant_context: TenantContext, person: UUID) -> HttpResponse:
    """Make a member the owner.

    The person who transfers the ownership becomes an analyst.
    """
    return _done(
        request,
        lambda: operations.transfer_ownership(
            person=person,
            tenant=tenant_context.tenant,
            owner=tenant_context.person,
            at=clock.now(),
        ),
        _("The ownership was transferred. You are an analyst of this shop now."),
        url="/",
    )


@require_POST
@limited("members", _RATES)
@tenant_permission_required(Permission.MEMBER_MANAGE)
@step_up_required
def remove(request: HttpRequest, tenant_context: TenantContext, person: UUID) -> HttpResponse:
    """Remove a member from the shop."""
    return _done(
        request,
        lambda: operations.remove_member(
            person=person,
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
            owner=tenant_context.person,
        ),
        _("The member was removed, and their sessions in this shop ended."),
        url="/" if person == tenant_context.person else "",
    )


@require_POST
@limited("members", _RATES)
@tenant_permission_required(Permission.MEMBER_MANAGE)
@step_up_required
def withdraw(request: HttpRequest, tenant_context: TenantContext, invitation: UUID) -> HttpResponse:
    """Withdraw an invitation."""

    def act() -> None:
        if not operations.withdraw_invitation(
            invitation=invitation,
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
            owner=tenant_context.person,
        ):
            raise Http404

    return _done(request, act, _("The invitation was withdrawn: its link is not valid any more."))


def _done(
    request: HttpRequest, act: Callable[[], object], message: str, *, url: str = ""
) -> HttpResponse:
    """Do it, and lead back to the page or to `url` with a message."""
    try:
        act()
    except NotAMemberError:
        raise Http404 from None
    except MembershipRefusedError as refusal:
        messages.error(request, translated_error(refusal))
        return redirect("accounts:members")
    messages.success(request, message)
    return redirect(url or "accounts:members")


def _page(
    request: HttpRequest,
    tenant_context: TenantContext,
    form: InviteForm,
    *,
    link: IssuedLink | None = None,
    status: int,
) -> HttpResponse:
    at = clock.now()
    with tenant_scope(tenant_context.tenant, using=accounts_database()):
        found, invitations = members(), pending_invitations(at=at)
    context = {
        "form": form,
        "members": found,
        "invitations": invitations,
        "link": link.address.reveal() if link is not None else "",
        "link_expires_at": link.expires_at if link is not None else None,
        "link_email": request.POST.get("email", ""),
        "own": tenant_context.person,
        "only_owner": sum(one.role is MemberRole.OWNER for one in found) == 1,
        "roles": ROLE_CHOICES,
        "at": at,
    }
    response = render(request, "accounts/members.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
