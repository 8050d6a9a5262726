from collections.abc import Callable
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.inspect import IntType, Type, type_info

from utility_ts_analytics.config.leaf import EnvironmentText, read_leaf
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.config.questdb_values import HttpAddress
from utility_ts_analytics.config.tree import Leaf, leaves, redacted
from utility_ts_analytics.config.values import BearerToken, NamedToken, Secret

LEAVES = {leaf.path: leaf for leaf in leaves(Config())}
ONE_STREAM = [leaf for leaf in LEAVES.values() if leaf.keys[0] != "generation_output"]
X, Y = BearerToken("x"), BearerToken("y")
SOURCE, SINK = "meter_usage.source", "meter_usage.sink"

TEXTS = st.one_of(
    st.sampled_from(["ilp", "tcp", "none", "info", "json", "4", "true", "a b", "t_1", "[::1]:80"]),
    st.sampled_from(["localhost:80", "db:80", "postgresql://u:p@h/d", "postgresql://u:p@h:x/d"]),
    st.text(max_size=300),
)
TOML_VALUES: st.SearchStrategy[object] = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, 64, 65, 256, 257, 1000, 1001, 2**50, 2**50 + 1, 2**63, 2**64]),
    st.floats(),
    st.dates(),
    st.lists(st.one_of(TEXTS, st.integers()), max_size=3),
    st.lists(st.sampled_from(["a", "b"]), min_size=60, max_size=70),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def read(path: str, value: object) -> tuple[object, list[str]]:
    problems = Problems()
    return read_leaf(LEAVES[path].type, value, path, problems), problems.lines


def convert_custom(wanted: type, value: object) -> object:
    parse: Callable[[str], object] | None = getattr(wanted, "parse", None)
    if parse is None or not isinstance(value, str):
        raise ValueError("a text")
    return parse(value)


def msgspec_takes(leaf: Leaf, value: object) -> bool:
    """Ask msgspec itself, through the whole model, with `value` in the place of one default."""
    tables = redacted(Config())
    table: dict[str, object] = tables
    for key in leaf.keys[:-1]:
        inner = table[key]
        assert isinstance(inner, dict)
        table = inner
    table[leaf.keys[-1]] = value
    try:
        msgspec.convert(tables, Config, dec_hook=convert_custom)
    except msgspec.ValidationError:
        return False
    return True


@given(TOML_VALUES)
def test_a_value_is_refused_exactly_where_msgspec_refuses_it(value: object) -> None:
    if isinstance(value, float) and value.is_integer():
        value += 0.5  # msgspec takes 4.0 for 4; a file that says 4.0 rows is refused here
    for leaf in ONE_STREAM:
        result, problems = read(leaf.path, value)
        assert (not problems) == msgspec_takes(leaf, value), leaf.path
        assert (result is None) == bool(problems)


@given(TOML_VALUES)
def test_a_refused_value_is_one_line_under_its_path(value: object) -> None:
    for path in LEAVES:
        for line in read(path, value)[1]:
            assert line.startswith((f"{path}: must be ", f"{path}["))
            assert len(line.splitlines()) == 1
            assert line.isascii()


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=list(LEAVES))
def test_every_number_has_both_bounds_and_takes_them(leaf: Leaf) -> None:
    if not isinstance(leaf.type, IntType):
        return
    low, high = leaf.type.ge, leaf.type.le
    assert low is not None
    assert high is not None
    assert read(leaf.path, low) == (low, [])
    assert read(leaf.path, high) == (high, [])
    for wrong in (low - 1, high + 1):
        assert read(leaf.path, wrong) == (
            None,
            [f"{leaf.path}: must be {low}..{high}, is {wrong}"],
        )


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{SOURCE}.workers", -1, "must be 0..256, is -1"),
        (f"{SOURCE}.workers", "4", 'must be a whole number 0..256, is "4"'),
        (f"{SOURCE}.workers", True, "must be a whole number 0..256, is true"),
        (f"{SOURCE}.workers", 4.0, "must be a whole number 0..256, is 4.0"),
        (f"{SOURCE}.ndjson_strict", 1, "must be true or false, is 1"),
        (f"{SOURCE}.ndjson_strict", "true", 'must be true or false, is "true"'),
        (f"{SINK}.transport", "udp", 'must be "http" or "tcp", is "udp"'),
        (f"{SINK}.transport", ["http"], 'must be "http" or "tcp", is a list'),
        ("questdb.ilp_http_addr", 9000, "must be a text, is 9000"),
        ("questdb.ilp_user", "", 'must be a text of 1..256 characters, is ""'),
        ("questdb.ilp_user", date(2026, 1, 1), "must be a text of 1..256 characters, is a date"),
        (f"{SOURCE}.auth_bearer_tokens", [], "must be a list of 1..64 texts, has 0"),
        (f"{SOURCE}.auth_bearer_tokens", ["a"] * 65, "must be a list of 1..64 texts, has 65"),
        (f"{SOURCE}.auth_bearer_tokens", "a", "must be a list of 1..64 texts"),
    ],
)
def test_problem_says_what_would_do(path: str, value: object, message: str) -> None:
    result, problems = read(path, value)
    assert result is None
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: {message}")


def test_table_name_is_an_identifier() -> None:
    for good in ("a", "_", "Meter_Usage2", "x" * 127):
        assert read("meter_usage.name", good) == (good, [])
    for bad in ("", "2a", "a-b", 'a"b', "a b", "a\n", "ä", "x" * 128):
        result, problems = read("meter_usage.name", bad)
        assert result is None
        assert problems[0].startswith("meter_usage.name: must be up to 127 letters, digits and ")


def test_each_bad_element_of_a_list_is_reported_at_its_index() -> None:
    path = f"{SOURCE}.auth_bearer_tokens"
    problems = Problems()
    assert read_leaf(LEAVES[path].type, ["good", "b d", 7], path, problems) is None
    assert [line.partition(": ")[0] for line in problems.lines] == [f"{path}[1]", f"{path}[2]"]
    assert path in problems.paths


@pytest.mark.parametrize("value", ["s3cret s3cret", ["s3cret s3cret"], 53637237, {"s3cret": 1}])
@pytest.mark.parametrize(
    "path", ["questdb.uri", f"{SOURCE}.auth_bearer_token", f"{SOURCE}.auth_bearer_tokens"]
)
def test_a_secret_is_never_in_its_problem(path: str, value: object) -> None:
    _, problems = read(path, value)
    assert problems
    assert "s3cret" not in problems[0]
    assert "53637237" not in problems[0]


def text_of(text: str, *, is_from_file: bool = False) -> EnvironmentText:
    return EnvironmentText(text, "VARIABLE", is_from_file=is_from_file)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        (f"{SOURCE}.workers", "4", 4),
        (f"{SOURCE}.ndjson_strict", "true", True),
        (f"{SOURCE}.ndjson_strict", "False", False),
        (f"{SINK}.kind", "pgwire", "pgwire"),
        ("meter_usage.name", "readings", "readings"),
        ("questdb.ilp_http_addr", "db:9000", HttpAddress("db", 9000)),
        ("questdb.ilp_password", "a,b", Secret("a,b")),
        (f"{SOURCE}.auth_bearer_token", "null", BearerToken("null")),
        (f"{SOURCE}.auth_bearer_token", "4", BearerToken("4")),
        (f"{SOURCE}.auth_bearer_tokens", "a", (BearerToken("a"),)),
        (f"{SOURCE}.auth_bearer_tokens", "a, b", (BearerToken("a"), BearerToken("b"))),
        (f"{SOURCE}.auth_bearer_tokens", "\na\r\n\n b,c\n", tuple(map(BearerToken, "abc"))),
        (f"{SOURCE}.auth_named_tokens", "a:x\nb:y", (NamedToken("a", X), NamedToken("b", Y))),
        (f"{SOURCE}.auth_bearer_tokens", '["a,b", "c"]', (BearerToken("a,b"), BearerToken("c"))),
    ],
)
def test_text_of_the_environment_is_read_by_the_key_s_type(
    path: str, text: str, value: object
) -> None:
    assert read(path, text_of(text)) == (value, [])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{SOURCE}.workers", ""),
        (f"{SOURCE}.workers", " 4"),
        (f"{SOURCE}.workers", "4.0"),
        (f"{SOURCE}.workers", "0x4"),
        (f"{SOURCE}.workers", "٤"),
        (f"{SOURCE}.workers", "9" * 5000),
        (f"{SOURCE}.ndjson_strict", "1"),
        (f"{SOURCE}.ndjson_strict", "yes"),
        (f"{SINK}.kind", ""),
        (f"{SOURCE}.auth_bearer_token", ""),
        (f"{SOURCE}.auth_bearer_tokens", ""),
        (f"{SOURCE}.auth_bearer_tokens", "a,,b"),
        (f"{SOURCE}.auth_bearer_tokens", '["a"'),
        (f"{SOURCE}.auth_bearer_tokens", "[" * 100_000),
        (f"{SOURCE}.auth_bearer_tokens", "[\udcff"),
        (f"{SOURCE}.auth_bearer_tokens", "[1]"),
        (f"{SOURCE}.auth_bearer_tokens", "[]"),
    ],
)
def test_wrong_text_of_the_environment_names_key_and_variable(path: str, text: str) -> None:
    result, problems = read(path, text_of(text))
    assert result is None
    assert len(problems) == 1
    assert problems[0].startswith(path)
    assert " (from VARIABLE): must be " in problems[0]


def test_what_a_file_held_is_never_shown() -> None:
    _, problems = read(f"{SOURCE}.workers", text_of("s3cret", is_from_file=True))
    assert problems == [f"{SOURCE}.workers (from VARIABLE): must be a whole number 0..256"]
    assert "s3cret" not in repr(text_of("s3cret", is_from_file=True))


@pytest.mark.parametrize("unknown", [float, bytes, dict[str, int], int])
def test_a_type_that_is_not_read_here_is_our_fault(unknown: type) -> None:
    """The last one is a number without bounds, which the model must not have."""
    expected: Type = type_info(unknown)
    with pytest.raises(AssertionError, match="not read here"):
        read_leaf(expected, 1, "a", Problems())


def test_text_without_a_description_says_its_pattern() -> None:
    expected = type_info(msgspec.defstruct("S", [("a", str)]).__annotations__["a"])
    problems = Problems()
    assert read_leaf(expected, 5, "a", problems) is None
    assert problems.lines == ["a: must be a text, is 5"]
