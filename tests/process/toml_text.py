"""Settings as TOML."""

import json
from collections.abc import Mapping


def toml_lines(section: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    """Return the lines of a table that stands under `path`."""
    lines = [f"[{'.'.join(path)}]"] if path else []
    tables = {key: value for key, value in section.items() if isinstance(value, Mapping)}
    arrays = {key: value for key, value in section.items() if _is_array_of_tables(value)}
    # JSON writes these scalars and lists of texts just as TOML does.
    lines += [
        f"{key} = {json.dumps(value)}"
        for key, value in section.items()
        if key not in tables and key not in arrays
    ]
    for key, table in tables.items():
        lines += toml_lines(table, (*path, key))
    for key, array in arrays.items():
        for table in array if isinstance(array, list) else []:
            lines += [f"[[{'.'.join((*path, key))}]]", *toml_lines(table, ())]
    return lines


def _is_array_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
