"""Keys, sealed values and signatures; the only importer of `cryptography`.

What to use:

- to store a secret in a table or file: `seal_value.seal` and `seal_value.open_sealed`, with the
  `encryption_context.EncryptionContext` of its cell;
- to get a key for that: a `key_store_protocol.KeyStore` (one data key per connection, per backup,
  per expiry date of buyer PII);
- to read the deployment's own secrets (root key, passwords): a
  `secret_provider_protocol.SecretProvider`;
- to create the ones that this deployment configured (files, variables, OpenBao or Vault, AWS):
  `secret_and_key_config`;
- to sign a document that outlives the deployment: `canonical_json_signing.SigningKey` over
  `canonical_json_signing.canonical_json`;
- to bind a database transaction to its tenant: `hmac_and_tenant_ticket.tenant_ticket`.

What not to use: primitives of `cryptography` in another package. No function seals without a
context, none takes a nonce, and none returns whether a check held: a failed check raises.

Formats are versioned (`seal_value.VERSION`, the prefix of a root key, the `format` field of a key
file). Later releases read what earlier ones wrote; `tests/vectors/sealed.json` holds version 1.
"""
