"""Sinks: encode rows, send them, and say what became of them."""
