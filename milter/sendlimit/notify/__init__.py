"""Notices to admins and owners of mailboxes: which there are, and how they are delivered.

A callback only puts a notice on a bounded queue; threads of this package deliver it. A receiver
that does not take notices in time loses notices, and delays no mail.
"""
