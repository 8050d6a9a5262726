"""Formats of the field that are no tables by themselves: NEM12, Green Button, MSCONS, workbooks."""
