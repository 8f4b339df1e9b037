"""Attach sendlimit to a Postfix, and detach it without a trace.

Callers need: `read_snapshot` (snapshot.py); `plan_attach`, `plan_detach` (attachment.py);
`find_faults`, `service_statuses` (findings.py); `Backup(...).files` (backup.py);
`apply_attach`, `apply_detach` (apply.py).

Layers, the lowest first: milter_socket < chain | main_cf | commands | restrictions < master_cf | snapshot
< services < supported < attachment < findings | files < backup < apply. Only commands and
snapshot run Postfix's programs, and only files and backup write. The other modules are pure.
"""
