#!/usr/bin/env python3
"""Makes notebooks/first_analyses.ipynb out of the script of the same name, without outputs.

.venv/bin/python scripts/make_notebook.py          writes the notebook
.venv/bin/python scripts/make_notebook.py --check  exits with 1 if it is not what the script gives
"""

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

SOURCE = Path(__file__).parents[1] / "notebooks" / "first_analyses.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")


def notebook_text(source: Path) -> str:
    """Return the notebook of a script in the percent form; the same each time."""
    notebook = jupytext.reads(source.read_text("utf-8"), fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02}"  # random otherwise
        cell["metadata"] = {}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return f"{nbformat.writes(notebook)}\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    wanted = notebook_text(SOURCE)
    if not parser.parse_args(arguments).check:
        NOTEBOOK.write_text(wanted, "utf-8")
    elif not NOTEBOOK.exists() or NOTEBOOK.read_text("utf-8") != wanted:
        print(f"{NOTEBOOK.name} is not what {SOURCE.name} gives: run scripts/make_notebook.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
