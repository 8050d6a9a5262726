"""The report: charts and tables of a period on one self-contained HTML page."""
