"""Answers: questions of a period, feeder balances, the report."""
