"""Sending limits for authenticated Postfix users."""

__version__ = "0.1.0"
