"""Is it really limiting: look at everything between a login and its counter.

Floors, from the ground up: check < conversation < reach | canary | setup | tables | bypasses
| postfix. Probes say in their docstrings that they ask or touch something; the rest is pure.
"""
