"""Second factors: authenticator apps, passkeys and recovery codes.

Authenticator apps follow RFC 6238, passkeys WebAuthn. Operators must have a second factor.
"""
