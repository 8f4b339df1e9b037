"""sendlimit: a milter that limits what each SASL login may send through Postfix.

docs/design.md begins with the folders and their layers. Imports only point down (import-linter).
"""

__version__ = "0.2.0"
