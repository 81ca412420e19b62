"""What only an owner sees of packing slips: the switch for one connection, with the words to agree to and the end, and who looked."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from theseller.accounts.mfa.views import stepped_up, stepped_up_to_change
from theseller.accounts.seats import seated
from theseller.accounts.types import Permission, Seat
from theseller.connections.locks import ConnectionClosedError
from theseller.connections.queries import connection_view
from theseller.edge.ratelimit import Rate, by_account, limited
from theseller.lib import clock
from theseller.tenancy.scope import tenant_scope
from theseller.vault.forms import AgreeForm
from theseller.vault.keys import USING
from theseller.vault.operations import NotAvailableError, turn_off, turn_on
from theseller.vault.queries import LOOKS_MOST, features, held_of, looks, role_held
from theseller.vault.terms import TERMS, VERSION
from theseller.vault.types import Feature, TurnedOff
from theseller.vault.words import ROLE


def _feature(tenant: UUID, connection: UUID) -> Feature | None:
    """Return the feature of this connection; None if it can have none. Raises Http404 where the shop has no such connection."""
    with tenant_scope(tenant):
        if connection_view(connection) is None:
            raise Http404
        return next((feature for feature in features() if feature.connection.id == connection), None)


@require_http_methods(["GET", "POST"])
@limited("slips-switch", {by_account: Rate.per_minute(6, burst=20)})
@seated(Permission.VAULT_MANAGE)
@stepped_up_to_change
def switch_on(request: HttpRequest, seat: Seat, connection: UUID) -> HttpResponse:
    """Show the words to agree to (GET), and turn packing slips on by an owner's word (POST)."""
    feature = _feature(seat.tenant, connection)
    if feature is None or feature.is_on or not role_held():
        return redirect("vault:orders")  # That page says why.
    form = AgreeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            turn_on(connection=connection, tenant=seat.tenant, actor=seat.actor, at=clock.now())
        except (ConnectionClosedError, NotAvailableError):
            return redirect("vault:orders")
        messages.success(request, "Packing slips are on. Nothing has been fetched yet: select orders and request their slips.")
        return redirect("vault:orders")
    context = {"feature": feature, "form": form, "terms": TERMS, "wording": VERSION, "role": ROLE, "shop": seat.tenant_name}
    return render(request, "vault/on.html", context, status=422 if request.method == "POST" else 200)


@require_http_methods(["GET", "POST"])
@limited("slips-switch", {by_account: Rate.per_minute(6, burst=20)})
@seated(Permission.VAULT_MANAGE)
@stepped_up
def switch_off(request: HttpRequest, seat: Seat, connection: UUID) -> HttpResponse:
    """Say what turning packing slips off destroys (GET), and do it (POST)."""
    feature = _feature(seat.tenant, connection)
    if feature is None:
        return redirect("vault:orders")
    if request.method == "POST":
        done = turn_off(connection=connection, tenant=seat.tenant, actor=seat.actor, at=clock.now())
        messages.success(request, _destroyed(done))
        return redirect("vault:orders")
    if not feature.is_on:
        return redirect("vault:orders")
    with tenant_scope(seat.tenant, using=USING):
        held = held_of(connection)
    return render(request, "vault/off.html", {"feature": feature, "held": held})


@require_GET
@seated(Permission.VAULT_MANAGE)
def who_looked(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show the owner who looked at which slips."""
    with tenant_scope(seat.tenant):
        found = looks()
    return render(request, "vault/looks.html", {"looks": found, "full": sum(len(look.orders) for look in found) >= LOOKS_MOST})


def _destroyed(done: TurnedOff) -> str:
    if not done.first and not done.rows_erased:
        return "Packing slips were off already. Nothing of a buyer is held."
    keys = f"{done.keys_destroyed} key{'' if done.keys_destroyed == 1 else 's'} destroyed"
    rows = f"{done.rows_erased} recipient{'' if done.rows_erased == 1 else 's'} erased"
    return f"Packing slips are off: {keys}, {rows}. What was fetched can be read nowhere any more, in no backup either."
