"""Second factors: authenticator apps (RFC 6238), passkeys (WebAuthn) and recovery codes. Possible for everybody, required of operators."""
