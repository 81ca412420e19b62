"""Keys, sealed values, signatures. No framework; the only package that imports `cryptography`.

What to use:

- to store a secret in a table or file: `sealed.seal` and `sealed.open_sealed`, with the `place.Place` it will live at;
- to get a key for that: a `keystore.KeyStore` (one data key per connection, per backup, per day of PII);
- to read the deployment's own secrets (root key, passwords): a `providers.SecretProvider`;
- to make the one of each that this deployment chose (files, variables, OpenBao or Vault, AWS): `choice`;
- to sign a document that outlives us: `signing.SigningKey` over `signing.canonical_json`;
- to bind a database transaction to its tenant: `mac.tenant_ticket`.

What not to use: any primitive of `cryptography` from another package. There is no call that seals without a place, none that
takes a nonce, and none that returns whether a check held: a check that fails raises.

Formats are versioned (`sealed.VERSION`, the prefix of a root key, the `format` field of a key file). What one release has
written, later releases read; `tests/vectors/sealed.json` holds version 1 still.
"""
