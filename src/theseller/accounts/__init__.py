"""Users, memberships, sign-in, second factors, and authorization."""
