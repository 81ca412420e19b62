"""Tests of pages in a browser."""

import tests.browser_sessions  # noqa: F401 - it sets how long `expect` waits
