"""Bytes -> records: lines, decoding, diagnosis, decompression. No sockets, no waiting."""
