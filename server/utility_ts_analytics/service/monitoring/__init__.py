"""Health: readiness, metrics and status on the operations port, and the checks of `check`."""
