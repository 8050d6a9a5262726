"""Inputs of every kind as pieces: rows that keep the rules, and refused records."""
