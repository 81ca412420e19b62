"""Who did what, when: append-only, written in the transaction of the effect, without personal data, outliving the tenant."""
