"""Files into rows: find, read, map, check, deliver, and keep books of every record."""
