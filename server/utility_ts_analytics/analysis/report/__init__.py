"""The report: figures of a period as charts and tables on one page that needs nothing else."""
