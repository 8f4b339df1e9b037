"""Attach sendlimit to a Postfix, and take it off again without a trace.

What callers need: `read_snapshot` (snapshot.py); `plan_attach`, `plan_detach` (attachment.py);
`find_faults`, `service_statuses` (findings.py); `Backup(...).files` (backup.py);
`apply_attach`, `apply_detach` (apply.py).

Floors, from the ground up: chain | main_cf | commands < master_cf | snapshot < services
< understood < attachment < findings | files < backup < apply. Only commands and snapshot run
Postfix's programs, only files and backup write; the rest is pure.
"""
