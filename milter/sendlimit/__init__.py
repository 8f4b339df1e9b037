"""sendlimit: a milter that limits what each SASL login may send through Postfix.

Floors, from the ground up; imports only point down (checked by import-linter):
errors | mailbox | window < policy < reply | batch < config < store | maillog < ledger < session < service < cli.
"""

__version__ = "0.1.0"
