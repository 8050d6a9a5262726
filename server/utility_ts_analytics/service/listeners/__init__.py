"""Ports: their addresses, certificates and connection limits, and the watch over who accepts."""
