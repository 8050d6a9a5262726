"""What runs queries: jobs, charts, the report.

SQL text stays in `queries`, connections in `database`; what a person types and reads in `service`.
"""
