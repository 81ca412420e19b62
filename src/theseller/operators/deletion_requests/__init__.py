"""The operators' page of deletion requests (`privacy.deletion_requests`)."""
