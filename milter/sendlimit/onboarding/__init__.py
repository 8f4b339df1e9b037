"""Limits from elsewhere: those of other programs, and those that the history of the counters suggests.

suggestion.py and learning.py read the database, and learning.py writes what it has learned. The
other files are pure.
"""
