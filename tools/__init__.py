"""Tools that check the repository; no part of the product."""
