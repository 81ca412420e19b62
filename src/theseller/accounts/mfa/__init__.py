"""Second factors: authenticator apps (RFC 6238), passkeys (WebAuthn), recovery codes. Required of operators."""
