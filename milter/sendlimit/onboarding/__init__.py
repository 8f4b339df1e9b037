"""Moving in: another program's limits become settings, and the history becomes proposals. Pure."""
