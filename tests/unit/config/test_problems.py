from datetime import date

import pytest

from utility_ts_analytics.config.problems import Problems, join_path, shown_value
from utility_ts_analytics.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (False, "false"),
        (-1, "-1"),
        (10**30, "a number of more than 30 digits"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        ("a", '"a"'),
        ('"', '"\\""'),
        ("two\nlines\u2028ü\x7f", '"two\\nlines\\u2028\\u00fc\\u007f"'),
        ("x" * 61, '"' + "x" * 60 + '"...'),
        ([1], "a list"),
        ({"a": 1}, "a table"),
        (date(2026, 1, 1), "a date or time"),
    ],
)
def test_value_is_shown_in_one_short_line(value: object, shown: str) -> None:
    assert shown_value(value) == shown


def test_a_number_with_more_digits_than_python_writes_is_shown() -> None:
    assert shown_value(16**6000) == "a number of more than 30 digits"


@pytest.mark.parametrize(
    ("path", "key", "joined"),
    [
        ("", "metrics", "metrics"),
        ("metrics", "bind_addr", "metrics.bind_addr"),
        ("a.b", "c-9", "a.b.c-9"),
        ("a", "", 'a.""'),
        ("a", "b.c", 'a."b.c"'),
        ("a", "b\nc", 'a."b\\nc"'),
        ("a", "ü", 'a."\\u00fc"'),
        ("", "x" * 70, '"' + "x" * 60 + '"...'),
    ],
)
def test_path_quotes_a_key_that_is_not_bare(path: str, key: str, joined: str) -> None:
    assert join_path(path, key) == joined


def test_problems_are_raised_together_in_order() -> None:
    problems = Problems()
    problems.add("b", "is wrong")
    problems.add("a", "is wrong too", variable="A")
    with pytest.raises(ConfigError) as raised:
        problems.raise_if_any()
    assert raised.value.problems == ("b: is wrong", "a (from A): is wrong too")
    assert problems.paths == {"a", "b"}


def test_no_problem_raises_nothing() -> None:
    Problems().raise_if_any()
