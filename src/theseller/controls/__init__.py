"""Every promise of the security page as a control: what enforces it, a live probe, evidence with an age, and the page itself."""
