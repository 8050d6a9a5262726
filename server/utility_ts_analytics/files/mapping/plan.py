"""How DuckDB runs a mapping: its plan, the order of the rows, and the types of the columns."""

import contextlib
import json
from collections.abc import Sequence
from typing import Final, Literal

import duckdb

from utility_ts_analytics.files.mapping.tokens import tree_of

_KEEPS_ORDER: Final = frozenset(
    (
        "PROJECTION",
        "FILTER",
        "UNNEST",
        "PYTHON_ARROW_SCAN",
        "ARROW_SCAN",
        "COLUMN_DATA_SCAN",
        "DUMMY_SCAN",
        "EMPTY_RESULT",
        "STREAMING_WINDOW",
    )
)
"""What hands rows on in the order of the file; anything else may read all of it first, and hand
the rows on in any order (`test_rows_come_in_order_where_the_plan_says_so`)."""

_SORTS: Final = frozenset(("ORDER_BY", "TOP_N"))
_ONE_THREAD: Final = "STREAMING_WINDOW"
"""Numbers rows as they come; what stands behind it is done by one thread, in their order."""

_PASSES_ON: Final = frozenset(("PROJECTION", "FILTER", "UNNEST", "HASH_JOIN", "STREAMING_LIMIT"))
"""What hands on the rows of its first input as they come, where one thread does it."""


class Plan:
    """The physical plan of one statement.

    Args:
        text: As `EXPLAIN (FORMAT json)` gives it.
    """

    def __init__(self, text: str) -> None:
        self._tree: object = json.loads(text)
        self._operators: list[dict[str, object]] = []
        _collect(self._tree, self._operators)

    @property
    def keeps_order(self) -> bool:
        """Whether the rows of its one table come in their order, as they are read."""
        return all(one["name"] in _KEEPS_ORDER for one in self._operators)

    @property
    def is_sorted(self) -> bool:
        """Whether its rows come as a sort within the statement left them."""
        return self._above(_SORTS)

    @property
    def is_numbered(self) -> bool:
        """Whether its rows come as they were numbered, in their order."""
        return self._above(frozenset((_ONE_THREAD,)))

    def _above(self, names: frozenset[str]) -> bool:
        """Tell whether one of these hands rows over, through nothing that mixes them."""
        tree = self._tree
        while isinstance(tree, list) and tree and isinstance(tree[0], dict):
            name = str(tree[0].get("name", "")).strip()
            if name in names:
                return True
            if name not in _PASSES_ON:
                return False
            tree = tree[0].get("children")
        return False

    def wanted(self, names: Sequence[str]) -> frozenset[str] | None:
        """Return which columns of its tables are asked for; None where it does not say so.

        Args:
            names: Of all columns of the tables.
        """
        told: set[str] = set()
        for scan in self._operators:
            if "ARROW_SCAN" in str(scan["name"]):
                info = scan.get("extra_info")
                columns = info.get("Projections") if isinstance(info, dict) else None
                if columns is None:
                    return None
                told |= {columns} if isinstance(columns, str) else set(columns)
        # The plan has a name with a line end in it as two.
        lines = {name: {name, *name.split("\n")} for name in names}
        if not told <= set().union(*lines.values()):
            return None
        return frozenset(name for name, parts in lines.items() if told & parts)


def _collect(plan: object, operators: list[dict[str, object]]) -> None:
    """Gather the operators of a plan."""
    if isinstance(plan, list):
        for part in plan:
            _collect(part, operators)
    elif isinstance(plan, dict):
        operators.append({**plan, "name": str(plan.get("name", "")).strip()})
        _collect(plan.get("children", []), operators)


Order = Literal["file", "own", "sorted", "unknown"]
"""Of the rows of a mapping: as the records of the file; as numbered or sorted within the mapping,
which holds where `rec` never falls; by what the mapping asks for, or by `rec`, so that rows of one
record may come in any order; nobody knows."""

_BY_REC: Final = {
    "type": "ORDER_DEFAULT",
    "null_order": "ORDER_DEFAULT",
    "expression": {
        "class": "COLUMN_REF",
        "type": "COLUMN_REF",
        "alias": "",
        "query_location": 0,
        "column_names": ["rec"],
    },
}


def sorted_to_the_end(query: str) -> tuple[bool, str | None]:
    """Let `rec` decide between rows that are equal in what a statement sorts by.

    DuckDB hands rows that are equal in an order over in any, so that of two versions of a reading
    now the one, now the other would be the later.

    Returns:
        Whether the outermost SELECT has an ORDER BY; the statement with `rec` behind what it sorts
        by, None where it has none or cannot be written anew.
    """
    try:
        tree = tree_of(query)
        modifiers = tree["statements"][0]["node"]["modifiers"]
        orders = [one["orders"] for one in modifiers if one["type"] == "ORDER_MODIFIER"]
    except (duckdb.Error, LookupError, RecursionError):
        return False, None
    if not orders:
        return False, None
    orders[0].append(_BY_REC)
    with contextlib.suppress(duckdb.Error, RecursionError):
        [(text,)] = duckdb.execute("SELECT json_deserialize_sql($1)", [json.dumps(tree)]).fetchall()
        return True, str(text)
    return True, None


def wanted_type(name: str, kind: str) -> str:
    """Return the type that a column of a mapping is to have, so that nothing of it is lost."""
    name = name.lower()
    whole = kind in ("HUGEINT", "UHUGEINT", "BIGNUM") or kind.endswith(",0)")
    if name == "rec" and whole:
        return "BIGINT"
    if name == "raw" and kind.startswith("STRUCT"):
        return "NULL"  # the file has the record as it stands
    if name == "raw" and kind == "JSON":
        return "VARCHAR"
    if name.endswith("_text") and not kind.startswith('"NULL"'):
        return "VARCHAR"
    if whole or kind.startswith("ENUM"):
        return "VARCHAR"
    # From decimal to float Arrow is wrong in the last place for one number in ten.
    return "DOUBLE" if kind.startswith("DECIMAL") else kind


def cast_to(expression: str, kind: str, was: str = "") -> str:
    """Return an expression as one of a type; as it is where that is its type."""
    if kind == was or kind == '"NULL"':
        return expression
    return "NULL::VARCHAR" if kind == "NULL" else f"CAST({expression} AS {kind})"


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
