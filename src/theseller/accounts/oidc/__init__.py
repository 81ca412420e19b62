"""Single sign-on: OpenID Connect with the company's provider."""
