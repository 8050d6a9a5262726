"""Rows of one load that replace an earlier row of it with other values: counted and reported."""
