"""The web pages, on TCP only: for admins with a log-in, and one for the owner of a mailbox.

Pages work without JavaScript. Texts are in texts/, one file a language; charts are SVG made here.
"""
