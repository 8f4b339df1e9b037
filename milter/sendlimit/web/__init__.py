"""`sendlimit web`: the HTTP API and the web pages, a process of its own beside the daemon.

Layers, from the ground up: errors, peer < database, access < api < pages < app < process. What a
request reads and changes is done by `sendlimit.reports` and `sendlimit.store`, as in the commands.
"""
