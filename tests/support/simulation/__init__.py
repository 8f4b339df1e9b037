"""One database, several daemons and the faults between them, on simulated time."""
