"""The operators' page of mail that was not delivered (`mail.queries`)."""
