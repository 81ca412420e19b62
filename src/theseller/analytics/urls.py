"""URLs of analytics: figures, costs, orders, settlements, stock, traffic."""

from __future__ import annotations

from django.urls import path

from theseller.analytics.expenses import views as expense_views
from theseller.analytics.inventory import views as inventory_views
from theseller.analytics.pages import (
    cost_file_views,
    cost_views,
    monthly_statement_view,
    order_views,
    reconciliation_view,
    settlement_views,
    views,
)
from theseller.analytics.returns import views as returns_views
from theseller.analytics.traffic import views as traffic_views

app_name = "analytics"
urlpatterns = [
    path("", views.start, name="dashboard"),
    path("products/", views.products, name="products"),
    path("products/costs/", cost_views.costs, name="costs"),
    path("products/costs/file/", cost_file_views.cost_file, name="cost-file"),
    path("products/costs/product/", cost_views.cost_history, name="cost-history"),
    path("products/costs/set/", cost_views.set_cost, name="cost-set"),
    path("products/costs/removal/", cost_views.remove_cost, name="cost-removal"),
    path("orders/", order_views.orders, name="orders"),
    path("orders/<str:order>/", order_views.order, name="order"),
    path("settlements/", settlement_views.settlements_list, name="settlements"),
    path("settlements/<str:number>/", settlement_views.settlement, name="settlement"),
    path("reconciliation/", reconciliation_view.reconciliation, name="reconciliation"),
    path("profit-and-loss/", monthly_statement_view.profit_and_loss, name="profit-and-loss"),
    path("expenses/", expense_views.expenses_page, name="expenses"),
    path("expenses/set/", expense_views.save_expense, name="expense-set"),
    path("expenses/removal/", expense_views.remove_expense, name="expense-removal"),
    path("days/<str:day>/", views.day, name="day"),
    path("traffic/", traffic_views.traffic_page, name="traffic"),
    path("returns/", returns_views.returns_page, name="returns"),
    path("inventory/", inventory_views.inventory_page, name="inventory"),
    path("inventory/replenishment/", inventory_views.replenishment, name="replenishment"),
]
