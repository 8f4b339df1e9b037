"""Check everything between a login and its counter: is mail really limited.

examination.py makes the checks of a run (check.py), each when those before it allow it; every other
file looks at one subject. Findings are values: nothing is mended or printed here.
"""
