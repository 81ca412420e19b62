"""URLs of the data inventory, the export and the deletion of a shop."""

from __future__ import annotations

from django.urls import path

from theseller.privacy.data_inventory import views as data_inventory
from theseller.privacy.tenant_deletion import views as tenant_deletion

app_name = "privacy"
urlpatterns = [
    path("", data_inventory.overview, name="data-inventory"),
    path("deletion/", tenant_deletion.delete_shop, name="delete-shop"),
    path("export/", data_inventory.export_file, name="export"),
]
