"""The mapping of foreign files: one SELECT over the tables of a file."""
