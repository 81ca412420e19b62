"""The end of a shop at its owner's wish: every connection, then the shop and the accounts of people who have no other."""
