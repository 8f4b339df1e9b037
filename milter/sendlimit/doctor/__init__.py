"""Is it really limiting: look at everything between a login and its counter.

Floors, from the ground up: check < settings | tables | bypasses | postfix | reach | canary. Only
reach and canary talk to the daemon. In tables, functions that take a connection read it and
those that take a location judge what was read; settings looks at modes of files, bypasses reads
Roundcube's configuration; the rest is pure.
"""
