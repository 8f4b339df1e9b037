"""Bare Debian systems in which everything is tried: see script/test-on."""
