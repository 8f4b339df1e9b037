"""What the tables say of limits, counts, refusals and changes, as commands, API and pages tell it.

Each report takes a connection, the settings of the file and the time, and returns values or
their JSON form. Nothing here prints.
"""
