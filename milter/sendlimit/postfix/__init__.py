"""Attach sendlimit to a Postfix and take it off again.

Floors, from the ground up: chain | main_cf < master_cf < snapshot < attachment < changes | findings
< commands < backup < apply < service functions here... 
"""
