from pathlib import Path

import pytest

from utility_ts_analytics.config.environment import (
    FILE_BYTES_MAX,
    variable_name,
    with_environment,
)
from utility_ts_analytics.config.leaf import EnvironmentText
from utility_ts_analytics.config.load import parse_config
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.config.tree import Leaf, leaves
from utility_ts_analytics.config.values import BearerToken
from utility_ts_analytics.errors import ConfigError

LEAVES = list(leaves(Config()))
WORKERS = "INGESTION__METER_USAGE__SOURCE__WORKERS"
TOKEN = "INGESTION__METER_USAGE__SOURCE__AUTH_BEARER_TOKEN"  # noqa: S105 - a variable's name


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        parse_config({}, environ)
    return raised.value.problems


@pytest.mark.parametrize("leaf", LEAVES, ids=[leaf.path for leaf in LEAVES])
def test_every_key_has_a_variable(leaf: Leaf) -> None:
    problems = Problems()
    name = "INGESTION__" + leaf.path.replace(".", "__").upper()
    assert variable_name(leaf) == name
    merged: object = with_environment({}, {name: "x"}, problems)
    for key in leaf.keys:
        assert isinstance(merged, dict)
        merged = merged[key]
    assert merged == EnvironmentText("x", name, is_from_file=False)
    assert problems.lines == []


def test_variable_names_differ() -> None:
    assert len({variable_name(leaf) for leaf in LEAVES}) == len(LEAVES)


def test_environment_beats_the_file() -> None:
    tables: dict[str, object] = {"meter_usage": {"source": {"workers": 2, "max_line_bytes": 99}}}
    source = parse_config(tables, {WORKERS: "7"}).meter_usage.source
    assert (source.workers, source.max_line_bytes) == (7, 99)
    assert tables == {"meter_usage": {"source": {"workers": 2, "max_line_bytes": 99}}}


def test_environment_replaces_a_wrong_value_of_the_file() -> None:
    tables: dict[str, object] = {"meter_usage": {"source": {"workers": "no number"}}}
    assert parse_config(tables, {WORKERS: "7"}).meter_usage.source.workers == 7


def test_wrong_value_names_key_and_variable() -> None:
    assert problems_of({WORKERS: "-1"}) == (
        f"meter_usage.source.workers (from {WORKERS}): must be 0..256, is -1",
    )


def test_other_variables_are_left_alone() -> None:
    environ = {"INGESTION_CONFIG": "x", "INGESTION": "x", "PATH": "/bin", "ingestion__x": "x"}
    assert parse_config({}, environ) == Config()


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("INGESTION__METER_USAGE__SORCE__WORKERS", f"; did you mean {WORKERS}?"),
        (f"{TOKEN}_FIL", f"; did you mean {TOKEN}_FILE?"),
        ("INGESTION__QQQ", ""),
        ("INGESTION__METER_USAGE", "; did you mean INGESTION__METER_USAGE__NAME?"),
        ("INGESTION__", ""),
    ],
)
def test_unknown_variable_is_a_problem_without_its_value(name: str, suggestion: str) -> None:
    (problem,) = problems_of({name: "hush"})
    assert problem == f"{name}: is no known key{suggestion}"


def test_unknown_variable_with_odd_characters_stays_one_line() -> None:
    assert problems_of({"INGESTION__A\nB": ""}) == ('"INGESTION__A\\nB": is no known key',)


def test_every_wrong_variable_is_reported() -> None:
    environ = {WORKERS: "x", "INGESTION__QQQ": "1", "INGESTION__SERVER__LOG_LEVEL": "loud"}
    assert len(problems_of(environ)) == 3


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_secret_is_read_from_a_file_without_the_newline_at_its_end(
    tmp_path: Path, ending: str
) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"tok3n" + ending.encode())
    config = parse_config({}, {f"{TOKEN}_FILE": str(file)})
    assert config.meter_usage.source.auth_bearer_token == BearerToken("tok3n")


def test_any_key_can_be_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "workers"
    file.write_text("5\n")
    assert parse_config({}, {f"{WORKERS}_FILE": str(file)}).meter_usage.source.workers == 5


def test_a_blank_kept_in_a_token_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hush hush\n")
    (problem,) = problems_of({f"{TOKEN}_FILE": str(file)})
    assert problem.startswith(f"meter_usage.source.auth_bearer_token (from {TOKEN}_FILE): must be ")
    assert "hush" not in problem


def test_empty_token_does_not_open_the_stream(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("\n")
    assert len(problems_of({f"{TOKEN}_FILE": str(file)})) == 1
    assert len(problems_of({TOKEN: ""})) == 1
    assert len(problems_of({f"{TOKEN}S": ""})) == 1


def test_value_and_file_together_are_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hush")
    assert problems_of({TOKEN: "hush", f"{TOKEN}_FILE": str(file)}) == (
        f"meter_usage.source.auth_bearer_token: set one of {TOKEN} and {TOKEN}_FILE, not both",
    )


def test_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    large, binary = tmp_path / "large", tmp_path / "binary"
    large.write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    binary.write_bytes(b"\xff")
    causes = {
        tmp_path / "missing": "No such file or directory",
        tmp_path: "Is a directory",
        large: "it is larger than 65536 bytes",
        binary: "it is not UTF-8 text",
    }
    for path, cause in causes.items():
        (problem,) = problems_of({f"{TOKEN}_FILE": str(path)})
        assert problem == (
            f"meter_usage.source.auth_bearer_token (from {TOKEN}_FILE): "
            f"cannot read the file that it names: {cause}"
        )


def test_secret_in_the_place_of_its_file_is_not_shown() -> None:
    (problem,) = problems_of({f"{TOKEN}_FILE": "hush"})
    assert "hush" not in problem


def test_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "workers"
    file.write_bytes(b"5" + b"\n" * (FILE_BYTES_MAX - 1))
    assert parse_config({}, {f"{WORKERS}_FILE": str(file)}).meter_usage.source.workers == 5


def test_variable_under_something_that_is_no_table_leaves_that_one_problem() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config({"meter_usage": {"source": 5}}, {WORKERS: "7"})
    assert raised.value.problems == ("meter_usage.source: must be a table, is 5",)


def test_secret_in_the_name_of_a_variable_is_not_shown() -> None:
    (problem,) = problems_of({"INGESTION__s3cr3t-t0ken": "1"})
    assert problem == "INGESTION__(a key of 12 characters): is no known key"
