"""URLs of sign-in, accounts and second factors."""

from __future__ import annotations

from django.urls import path

from theseller.accounts import views
from theseller.accounts.mfa import views as mfa

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("no-shop/", views.no_shop, name="no-shop"),
    path("memberships/<uuid:tenant>/", views.switch_tenant, name="switch-tenant"),
    path("account/security/", mfa.security, name="security"),
    path("account/security/password/", views.password, name="password"),
    path("account/security/authenticator/", mfa.authenticator, name="authenticator"),
    path("account/security/passkey/", mfa.passkey, name="passkey"),
    path("account/security/factors/<uuid:factor>/removal/", mfa.remove, name="remove-factor"),
    path("account/security/recovery-codes/", mfa.new_recovery_codes, name="recovery-codes"),
    path("account/second-factor/", mfa.second_factor, name="second-factor"),
]
