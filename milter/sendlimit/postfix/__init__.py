"""Attach sendlimit to a Postfix, and detach it without a trace.

Callers need: `read_snapshot` (snapshot.py); `plan_attach`, `plan_detach` (attachment.py);
`find_faults`, `service_statuses` (findings.py); `Backup(...).files` (backup.py);
`apply_attach`, `apply_detach` (apply.py). A change is planned from a snapshot by pure functions,
and apply.py alone makes it, or leaves everything as it was.
"""
