"""URL of the page on which a shop sees operators' access.

Those for operators are in `operators.urls`.
"""

from __future__ import annotations

from django.urls import path

from theseller.operators.shop_access import views

app_name = "access"
urlpatterns = [path("", views.access_log, name="activity")]
