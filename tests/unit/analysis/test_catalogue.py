"""Every question says what it answers, takes and reads, and what it says is true."""

import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.analysis.catalogue import (
    FOLDER,
    all_questions,
    bound,
    parameters_in,
    parameters_of,
    question_names,
    question_of_text,
    reads_of,
    with_used,
)
from utility_ts_analytics.analysis.tables import BY_DAY, COMMITS
from utility_ts_analytics.archive.duckdb_sql import literal, quoted

every = pytest.mark.parametrize("name", all_questions())
TEXT = """-- How many?
--
-- Columns: n
--
-- Parameters:
--   $least = 0   of them
--   $kinds = ['a', 'b']
--                    which
--   $zone = 'UTC'
--   $upper = NULL
-- Reads: meter_usage, tariff
-- Uses: load, gaps

SELECT 1 -- $not_a_parameter = 3
;
"""


def test_head_is_read() -> None:
    question = question_of_text("many", TEXT)
    assert question.title == "How many?"
    assert question.defaults == {
        "least": "0",
        "kinds": "['a', 'b']",
        "zone": "'UTC'",
        "upper": "NULL",
    }
    assert question.reads == ["meter_usage", "tariff"]
    assert question.uses == ["load", "gaps"]
    assert question.head.startswith("How many?\n\nColumns: n\n")
    assert question.head.endswith("Uses: load, gaps")
    assert question.sql.endswith("$not_a_parameter = 3\n")


def test_text_without_a_head_is_a_question_by_its_name() -> None:
    question = question_of_text("mine", "SELECT 1;\n")
    assert (question.title, question.head, question.sql) == ("mine", "", "SELECT 1")
    assert (question.defaults, question.reads, question.uses) == ({}, [], [])


def test_people_ask_seventeen_questions_and_parts_are_not_among_them() -> None:
    names = question_names()
    assert names == sorted(names)
    assert len(names) == 17
    parts = {path.stem for path in (FOLDER / "parts").glob("*.sql")}
    assert parts
    assert set(all_questions()) - set(names) == parts


@every
def test_title_is_a_question(name: str) -> None:
    assert all_questions()[name].title.endswith("?")
    assert "\n" not in all_questions()[name].title


@every
def test_parameters_that_are_used_are_described_and_the_other_way_round(name: str) -> None:
    question = all_questions()[name]
    known = {"from", "to", *parameters_of(question)}
    assert parameters_in(question.sql) <= known
    described = {parameter for parameter in question.defaults if parameter != "zone"}
    # By itself, or by what of the prelude it selects from: readings, grouped_readings, head_energy.
    indirect = {"group", "interval_minutes", "estimated_flags", "head_minutes", "plant_minutes"}
    assert described - parameters_in(question.sql) <= indirect


@every
def test_every_line_of_the_parameters_is_understood(name: str) -> None:
    head = all_questions()[name].head
    lines = re.findall(r"^  \$[^\n]*", head, re.MULTILINE)
    assert len(lines) == len(all_questions()[name].defaults)


@every
def test_what_is_used_and_read_exists(name: str) -> None:
    question = all_questions()[name]
    assert set(question.uses) <= set(all_questions())
    assert reads_of(question) <= {*BY_DAY, COMMITS, "tariff"}
    assert reads_of(question)


@every
def test_used_questions_come_before_what_needs_them_and_once(name: str) -> None:
    order = [one.name for one in with_used(all_questions()[name])]
    assert order[-1] == name
    assert len(set(order)) == len(order)
    for place, used in enumerate(order):
        assert set(all_questions()[used].uses) <= set(order[:place])


def test_own_default_wins_over_that_of_a_used_question() -> None:
    head = "-- Mine?\n-- Parameters:\n--   $every = '1 day'\n-- Uses: feeder_balance\n"
    mine = question_of_text("mine", f"{head}\nFROM feeder_balance")
    assert parameters_of(mine)["every"] == "'1 day'"
    assert parameters_of(mine)["head_minutes"] == "15"
    assert reads_of(mine) == set(BY_DAY)


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def test_parameter_becomes_a_variable() -> None:
    sql = "SELECT $from AS a, $head_minutes + 1"
    assert bound(sql) == "SELECT getvariable('from') AS a, getvariable('head_minutes') + 1"
    assert parameters_in(sql) == {"from", "head_minutes"}


@pytest.mark.parametrize(
    "kept",
    ["-- of $group", "'$group'", "'it''s $group'", '"$group"', '"a "" $group"', "'-- $group"],
)
def test_comment_text_or_name_stays_as_it_is(kept: str) -> None:
    assert bound(kept) == kept
    assert parameters_in(kept) == set()


def test_what_follows_a_comment_or_a_text_is_bound() -> None:
    assert parameters_in("-- it's $a\n$b 'x -- ' || $c") == {"b", "c"}


@given(texts)
def test_quoted_text_gives_the_value_back(text: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@given(texts.filter(bool))
def test_quoted_name_is_one_name(name: str) -> None:
    with duckdb.connect() as connection:
        answer = connection.execute(f"SELECT 1 AS {quoted(name)}")
        assert [column[0] for column in answer.description or []] == [name]


@given(texts)
def test_quoted_text_holds_no_parameter(text: str) -> None:
    assert parameters_in(f"SELECT {literal(text)}, {quoted(text)}") == set()
