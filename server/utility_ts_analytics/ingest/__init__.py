"""COPY jobs for CSV files, as the earlier package made them."""
