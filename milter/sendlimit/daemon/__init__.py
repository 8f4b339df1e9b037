"""The process: service, milter sessions, listener, metrics, telemetry."""
