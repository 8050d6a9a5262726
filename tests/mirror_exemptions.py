"""Modules that `test_tidy` lets be without a test file of their own, each with the reason."""

PACKAGE = "server/utility_ts_analytics"

COMMANDS = tuple(
    f"{PACKAGE}/service/{name}.py"
    for name in ("commands", "feeder_balance_command", "first_day", "load_command")
)
"""They write to the terminal, too."""

MIRROR_EXEMPTIONS = {
    f"{PACKAGE}/__main__.py": "one call of cli.main, made by every process test",
    f"{PACKAGE}/records/meter_usage.py": "fields only; test_streams and test_validation hold them",
    f"{PACKAGE}/records/generation_output.py": "fields only; as meter_usage",
    f"{PACKAGE}/records/reading.py": "types only; test_validation holds their limits",
    f"{PACKAGE}/sinks/contract.py": "types only; tests/contract holds every sink to them",
    f"{PACKAGE}/ingest/mapping/model.py": "keys only; test_load and docs/MAPPINGS.md hold them",
    f"{PACKAGE}/ingest/mapping/times.py": "test_time_texts, test_mapper and test_arrow_source",
    f"{PACKAGE}/ingest/sources/contract.py": "types only; every test of a source holds them",
    f"{PACKAGE}/ingest/closing.py": "one method; test_open and test_ndjson_pieces hold it",
    f"{PACKAGE}/ingest/sources/in_pieces.py": "test_open and the tests of each source hold it",
    f"{PACKAGE}/ingest/sources/nem12_days.py": "test_nem12_source, which reads whole files",
    f"{PACKAGE}/ingest/sources/nem12_columns.py": "test_nem12_source, which reads whole files",
    f"{PACKAGE}/ingest/pieces.py": "types only; test_ndjson_pieces and test_column_pieces",
    f"{PACKAGE}/service/load_plan.py": "types only; test_load_planning",
    f"{PACKAGE}/service/load_columns.py": "what load_opening imports late: test_load_opening",
    **dict.fromkeys(COMMANDS, "commands: tests/process runs them"),
    **{
        f"{PACKAGE}/service/{name}.py": "makes or is processes: tests/process runs it"
        for name in ("assembly", "load_run", "supervisor")
    },
}
