"""Single sign-on: OpenID Connect with the identity provider of the company."""
