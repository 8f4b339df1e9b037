"""Check everything between a login and its counter: is mail really limited.

Layers, the lowest first: check < keeping | settings | tables | bypasses | postfix | reach | canary
| deciding < status
| examination. reach and canary talk to the daemon, deciding reads what it says of
itself, settings reads modes of files, bypasses reads Roundcube's configuration, examination reads
all the rest. The other modules are pure.
"""
