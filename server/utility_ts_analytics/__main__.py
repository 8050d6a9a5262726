"""`python -m utility_ts_analytics` is `ingestion-service`."""

from utility_ts_analytics.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
