"""Take over the limits of another program, and suggest limits from what has been counted.

Only suggestion reads the database. The other modules are pure.
"""
