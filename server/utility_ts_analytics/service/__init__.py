"""Processes: the supervisor, the Granian servers it starts, and what runs in each worker."""
