#!/usr/bin/env python3
"""Makes sql/analysis/*.sql out of the builders in server/utility_ts_analytics/queries.

.venv/bin/python scripts/make_analysis_sql.py          writes the files, removes stale ones
.venv/bin/python scripts/make_analysis_sql.py --check  names those that differ, exits with 1
"""

import argparse
import sys
from pathlib import Path

from utility_ts_analytics.queries.catalogue import saved_queries

FOLDER = Path(__file__).parents[1] / "sql" / "analysis"


def file_texts() -> dict[str, str]:
    """Return what every `.sql` file of the folder should hold, by file name."""
    return {f"{query.name}.sql": query.file_text() for query in saved_queries()}


def differing(folder: Path) -> list[str]:
    """Return the names of files that are missing, that differ, or that no query stands behind."""
    wanted = file_texts()
    present = {path.name: path.read_text("utf-8") for path in folder.glob("*.sql")}
    return sorted(
        name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name)
    )


def write(folder: Path) -> list[str]:
    """Make the folder hold these files and no other `.sql`; return the names that changed."""
    changed, wanted = differing(folder), file_texts()
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], "utf-8")
        else:
            (folder / name).unlink()
    return changed


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Writes the saved queries of sql/analysis.")
    parser.add_argument("--check", action="store_true", help="only say what differs")
    options = parser.parse_args(arguments)
    if not options.check:
        for name in write(FOLDER):
            print(f"sql/analysis/{name}: written anew")
        return 0
    names = differing(FOLDER)
    for name in names:
        print(f"sql/analysis/{name}: is not what the builders give", file=sys.stderr)
    if names:
        print("run scripts/make_analysis_sql.py", file=sys.stderr)
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
