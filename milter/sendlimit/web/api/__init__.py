"""/v1: what the commands do, for other programs, as JSON.

One file a subject; models has the shapes, routes who may call what, and common what they share.
"""
