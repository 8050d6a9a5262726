"""What runs queries: jobs that read with `queries`, judge, and write their results.

SQL text stays in `queries`, connections in `database`; what a person types and reads in `service`.
"""
