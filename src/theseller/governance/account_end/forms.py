"""What a person says before their account ends."""

from __future__ import annotations

from theseller.governance.shop_end.forms import EndForm


class AccountEndForm(EndForm):
    """A word to type, and the person's password: nothing brings it back."""
