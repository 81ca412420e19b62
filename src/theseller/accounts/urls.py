"""URLs of sign-in, accounts and second factors."""

from __future__ import annotations

from django.urls import path

from theseller.accounts import views
from theseller.accounts.members import join_views
from theseller.accounts.members import views as members
from theseller.accounts.mfa import views as mfa
from theseller.accounts.oidc import views as sso
from theseller.accounts.password_reset import views as password_reset
from theseller.accounts.sign_up import views as sign_up

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-in/single-sign-on/", sso.begin_sign_in, name="sso-begin"),
    path("sign-in/single-sign-on/return/", sso.come_back, name="sso-return"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("sign-up/", sign_up.sign_up, name="sign-up"),
    path("sign-up/<str:token>/", sign_up.open_shop_page, name="open-shop"),
    path("join/<str:token>/", join_views.join_shop, name="join"),
    path("members/", members.members_page, name="members"),
    path("members/<uuid:person>/role/", members.change_role, name="member-role"),
    path("members/<uuid:person>/marketplaces/", members.marketplaces, name="member-marketplaces"),
    path("members/<uuid:person>/ownership/", members.transfer, name="member-ownership"),
    path("members/<uuid:person>/removal/", members.remove, name="remove-member"),
    path(
        "members/invitations/<uuid:invitation>/withdrawal/",
        members.withdraw,
        name="withdraw-invitation",
    ),
    path("password-reset/", password_reset.password_reset, name="password-reset"),
    path("new-password/<str:token>/", password_reset.new_password, name="new-password"),
    path("no-shop/", views.no_shop, name="no-shop"),
    path("memberships/<uuid:tenant>/", views.switch_tenant, name="switch-tenant"),
    path("account/security/", mfa.security, name="security"),
    path("account/security/password/", views.password, name="password"),
    path("account/security/authenticator/", mfa.authenticator, name="authenticator"),
    path("account/security/passkey/", mfa.passkey, name="passkey"),
    path("account/security/factors/<uuid:factor>/removal/", mfa.remove, name="remove-factor"),
    path("account/security/recovery-codes/", mfa.new_recovery_codes, name="recovery-codes"),
    path("account/security/single-sign-on/", sso.link, name="sso-link"),
    path("account/security/single-sign-on/removal/", sso.unlink, name="sso-unlink"),
    path("account/language/", views.choose_account_language, name="language"),
    path("account/second-factor/", mfa.second_factor, name="second-factor"),
    path("account/second-factor/single-sign-on/", sso.begin_step_up, name="sso-step-up"),
]
