"""Processes: the supervisor, the servers that it starts, and their workers."""
