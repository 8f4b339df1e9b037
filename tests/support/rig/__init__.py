"""Real parts for tests, demo and bench: private servers on loopback ports.

Every part lives in a folder of its own, is started and ended by process id, and dies with the
process that started it. Nothing here knows how sendlimit works inside.
"""
