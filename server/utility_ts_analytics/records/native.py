"""The only import of the compiled module, which is optional.

All functions are None where the package was installed without a C compiler
(`scripts/build_native.py`). The callers then use their plain versions; tests hold the two equal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from utility_ts_analytics.records._native import Column, TextField
    from utility_ts_analytics.records.reading import Reading

    _Fields = tuple[TextField, ...]
    IlpOfCsv = Callable[
        [bytes, _Fields, bytes, int, int, int, tuple[str, ...], bytes, bytes],
        tuple[bytes, bytes, frozenset[int], bytes, list[int], int],
    ]
    IlpOfJson = Callable[
        [bytes, _Fields, bytes, int, int, int, tuple[str, ...]],
        tuple[bytes, bytes, frozenset[int], bytes, list[int], int] | None,
    ]

column_lines: "Callable[[Sequence[Column], int, bytes, int], tuple[bytes, bytes]] | None"
column_versions: "Callable[[Sequence[Column], int, Sequence[str], int], bytes] | None"
row_versions: "Callable[[Sequence[Reading], Sequence[str], int], bytes] | None"
derive_event_ids: "Callable[[Sequence[Reading], int], None] | None"
array_part_end: "Callable[[bytes, int, int], int] | None"
needs_closer_look: "Callable[[bytes], bool] | None"
json_lines: "Callable[[Sequence[Reading]], bytes | None] | None"
key_partitions: "Callable[[Sequence[str], int], bytes] | None"
lines_by_partition: "Callable[[bytes, bytes, int], list[bytes | None]] | None"
ilp_lines: "Callable[[Sequence[Reading], bytes], bytes] | None"
ilp_of_csv: "IlpOfCsv | None"
ilp_of_json: "IlpOfJson | None"
ilp_rows: "Callable[[bytes, bytes, type[Reading]], list[Reading]] | None"

try:
    from utility_ts_analytics.records._native import (
        array_part_end,
        column_lines,
        column_versions,
        derive_event_ids,
        ilp_lines,
        ilp_of_csv,
        ilp_of_json,
        ilp_rows,
        json_lines,
        key_partitions,
        lines_by_partition,
        needs_closer_look,
        row_versions,
    )
except ImportError:
    array_part_end = column_lines = derive_event_ids = ilp_lines = needs_closer_look = None
    ilp_rows = ilp_of_csv = ilp_of_json = None
    json_lines = column_versions = row_versions = key_partitions = lines_by_partition = None
