"""URLs to delete an account, and to give a shop another owner first."""

from __future__ import annotations

from django.urls import path

from theseller.privacy.account_deletion import views

app_name = "account-deletion"
urlpatterns = [
    path("deletion/", views.delete_account_page, name="delete-account"),
    path("ownership/<uuid:tenant>/", views.transfer_ownership, name="transfer-ownership"),
]
