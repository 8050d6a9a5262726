from pathlib import Path

import pytest

from utility_ts_analytics.config.load import (
    FILE_BYTES_MAX,
    find_path,
    load_config,
    parse_config,
    read_tables,
    read_toml,
)
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.errors import ConfigError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load_config(path, {})
    (problem,) = raised.value.problems
    assert len(problem.splitlines()) == 1
    assert raised.value.exit_code == 2
    return problem


def test_the_option_beats_the_variable_and_the_variable_the_default() -> None:
    option, environ = Path("a.toml"), {"INGESTION_CONFIG": "b.toml"}
    assert find_path(option, environ) == Path("a.toml")
    assert find_path(None, environ) == Path("b.toml")
    assert find_path(None, {}) == Path("ingestion-config.toml")
    assert find_path(None, {"INGESTION_CONFIG": ""}) == Path("ingestion-config.toml")


def test_file_is_found_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "ingestion-config.toml", b"[server]\ndrain_timeout_s = 7\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}).server.drain_timeout_s == 7


def test_file_and_environment_make_the_config_together(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", b"[server]\ndrain_timeout_s = 7\n")
    environ = {"INGESTION_CONFIG": str(path), "INGESTION__SERVER__LOG_LEVEL": "debug"}
    server = load_config(None, environ).server
    assert (server.drain_timeout_s, server.log_level) == (7, "debug")


@pytest.mark.parametrize("content", [b"", b"\n# nothing\n", b"\xef\xbb\xbf[server]\r\n"])
def test_empty_file_gives_the_defaults(tmp_path: Path, content: bytes) -> None:
    assert load_config(write(tmp_path / "c.toml", content), {}) == Config()


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert problem_of(path) == (
        f"{path}: cannot read the configuration: there is no such file; make one with "
        "`cp ingestion-config.example.toml ingestion-config.toml`, or name another with --config"
    )


def test_directory_is_no_configuration(tmp_path: Path) -> None:
    assert problem_of(tmp_path) == f"{tmp_path}: cannot read the configuration: Is a directory"


def test_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", b"#" * FILE_BYTES_MAX)
    assert load_config(path, {}) == Config()
    write(path, b"#" * (FILE_BYTES_MAX + 1))
    assert problem_of(path) == (
        f"{path}: cannot read the configuration: it is larger than 1048576 bytes"
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"[server\n", "(at line 1, column 8)"),
        (b"a = 1\na = 2\n", "Cannot overwrite a value (at line 2"),
        (b"a = \xff\n", "can't decode byte 0xff"),
        (b"a = " + b"9" * 5000, "Exceeds the limit"),
        (b"a = " + b"[" * 100_000, "recursion"),
    ],
)
def test_file_that_is_not_toml_is_one_problem(tmp_path: Path, content: bytes, cause: str) -> None:
    path = write(tmp_path / "c.toml", content)
    problem = problem_of(path)
    assert problem.startswith(f"{path}: cannot parse the configuration: ")
    assert cause in problem


def test_broken_toml_does_not_show_the_secret_it_holds(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", b'auth_bearer_token = "hush\nmore = "hush"\n')
    assert "hush" not in problem_of(path)


def test_tables_are_read_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", b"[server]\nunknown = 1\n")
    assert read_tables(path) == {"server": {"unknown": 1}}


def test_every_kind_of_problem_is_reported_at_once() -> None:
    tables: dict[str, object] = {
        "server": {"log_level": "loud"},
        "qqq": 1,
        "questdb": {"ilp_user": "admin"},
        "meter_usage": {"sink": {"transport": "tcp"}},
    }
    environ = {"INGESTION__QQQ": "1", "INGESTION__METRICS__BIND_ADDR": "9090"}
    with pytest.raises(ConfigError) as raised:
        parse_config(tables, environ)
    assert [line.partition(":")[0] for line in raised.value.problems] == [
        "INGESTION__QQQ",
        "server.log_level",
        "qqq",
        "metrics.bind_addr (from INGESTION__METRICS__BIND_ADDR)",
        "meter_usage.sink.ack",
        "questdb.ilp_user",
    ]


def test_a_wrong_value_is_not_judged_again_through_its_default() -> None:
    """The capacity below would be under the default batch size, but the size is what is wrong."""
    tables: dict[str, object] = {
        "meter_usage": {"source": {"channel_capacity": 10}, "sink": {"batch_size": "five"}}
    }
    with pytest.raises(ConfigError) as raised:
        parse_config(tables, {})
    assert [line.partition(":")[0] for line in raised.value.problems] == [
        "meter_usage.sink.batch_size"
    ]


def test_an_unreadable_value_file_is_not_judged_again_through_the_default(tmp_path: Path) -> None:
    environ = {
        "INGESTION__METRICS__BIND_ADDR_FILE": str(tmp_path / "none"),
        "INGESTION__METER_USAGE__SOURCE__HTTP_BIND_ADDR": "0.0.0.0:9090",
    }
    with pytest.raises(ConfigError) as raised:
        parse_config({}, environ)
    assert len(raised.value.problems) == 1


def toml_problem_of(path: Path, hint: str = "") -> str:
    with pytest.raises(ConfigError) as raised:
        read_toml(path, "mapping", hint=hint)
    (problem,) = raised.value.problems
    return problem


def test_tables_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n[b]\nc = 'd'\n")

    assert read_toml(path, "mapping") == {"a": 1, "b": {"c": "d"}}


def test_missing_file_is_told_with_the_hint(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"

    assert toml_problem_of(path) == f"{path}: cannot read the mapping: there is no such file"
    assert toml_problem_of(path, "make one").endswith("no such file; make one")


def test_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot read the mapping" in toml_problem_of(tmp_path)


@pytest.mark.parametrize("content", [b"a = ", b"\xff = 1", b"[" * 100_000], ids=range(3))
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(content)

    assert toml_problem_of(path).startswith(f"{path}: cannot parse the mapping: ")


def test_file_over_its_bound_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(b"#" * FILE_BYTES_MAX)
    assert read_toml(path, "mapping") == {}

    path.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    assert "is larger than" in toml_problem_of(path)


@pytest.mark.parametrize(
    "content",
    [
        '"s3cr3t" = 1\n"s3cr3t" = 2',
        '[a."s3cr3t twice (at "]\n[a."s3cr3t twice (at "]',
        'a = { "s3cr3t" = 1, "s3cr3t" = 2 }',
        '"s3cr3t" = { x = 1 }\n"s3cr3t".y = 1',
        '["s3cr3t"]\nx = { y = 1 }\n[s3cr3t.x.z]',
        "token = s3cr3t",
        's3cr3t "x"',
    ],
)
def test_error_of_the_syntax_says_where_and_no_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(content)
    assert "s3cr3t" not in toml_problem_of(path)
    assert "(at " in toml_problem_of(path)
