"""Telling admins and owners of mailboxes: which notices there are, and how they get out.

A callback only puts a notice on a bounded queue; threads of this package deliver. Whoever does
not take a notice in time costs notices, never mail.
"""
