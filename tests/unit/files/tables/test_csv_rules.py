"""Rules of separated text are checked; its columns have the names that DuckDB gives them."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.csv_rules import CsvRules, checked_rules, column_names


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (CsvRules(sep=""), "sep must be one ASCII character, is ''"),
        (CsvRules(sep=";;"), "sep must be one ASCII character, is ';;'"),
        (CsvRules(sep="\n"), r"sep must be one ASCII character, is '\\n'"),
        (CsvRules(sep="\0"), r"sep must be one ASCII character, is '\\x00'"),
        (CsvRules(sep="§"), "sep must be one ASCII character, is '§'"),
        (CsvRules(quote="''"), "quote must be one ASCII character or '', is \"''\""),
        (CsvRules(sep="|", quote="|"), "sep and quote must differ, both are '|'"),
        (CsvRules(skip=-1), "skip must be at least 0, is -1"),
    ],
)
def test_rules_that_cannot_be_used_are_refused(rules: CsvRules, reason: str) -> None:
    with pytest.raises(OperatorError, match=f"^cannot read a.csv: {reason}$"):
        checked_rules(rules, "a.csv")


def test_other_rules_stay_as_they_are() -> None:
    for rules in (CsvRules(), CsvRules(sep="\t", quote=""), CsvRules(sep='"', quote="'")):
        assert checked_rules(rules, "a.csv") is rules


@pytest.mark.parametrize(
    ("rules", "cells", "fits"),
    [
        (CsvRules(), ["a", "b"], True),
        (CsvRules(), ["a"], False),
        (CsvRules(ragged=True), ["a"], True),
        (CsvRules(), ["a", "b", "", ""], True),
        (CsvRules(), ["a", "b", "", "c"], False),
        (CsvRules(ragged=True), ["a", "b", "c"], False),
        (CsvRules(strict=False), ["a", "b", "c"], True),
    ],
)
def test_rules_tell_how_many_cells_fit(rules: CsvRules, cells: list[str], fits: bool) -> None:
    assert rules.takes(cells, 2) is fits


NAMES = st.lists(
    st.sampled_from(["a", "A", "a_1", "A_1_1", "", " ", " a\u00a0", "column1", "é", "É", "a\tb"]),
    min_size=2,
    max_size=12,
)


def duckdb_names(path: Path, names: list[str]) -> list[str]:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(names) + "\n" + ",".join("v" for _ in names) + "\n")
    with duckdb.connect() as connection:
        return connection.read_csv(
            str(path), header=True, all_varchar=True, sep=",", quotechar='"', escapechar='"'
        ).columns


@given(NAMES)
@settings(max_examples=60, deadline=None)
def test_names_are_those_of_duckdb(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "names.csv"
    if any(name.strip(" \u00a0") for name in names):  # else DuckDB takes the line for none
        assert column_names(names) == duckdb_names(path, names)


def test_number_of_the_record_keeps_its_name() -> None:
    assert column_names(["rec", "REC", "x"]) == ["rec_1", "REC_2", "x"]
    assert column_names([]) == []
