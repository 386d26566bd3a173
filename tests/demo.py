"""The demo site, read once for all tests that concern it."""

from ingestion.site import find_site

DEMO = find_site("demo")
