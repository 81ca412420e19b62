"""Controls of the security page: one file per clause, live probes, dated evidence, and the page."""
