"""The HTTP edge: serves one request from its head to its answer. Knows the intake, never a sink."""
