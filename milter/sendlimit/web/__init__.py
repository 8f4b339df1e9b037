"""`sendlimit web`: the HTTP API and the web pages, a process of its own beside the daemon.

process.py runs it, app.py puts the API (api/) and the pages (pages/) together, database.py keeps the
connections apart from the event loop. What a request reads and changes is done by
`sendlimit.reports` and `sendlimit.store`, as in the commands.
"""
