"""Any TOML file is read the same way; `test_load` holds what the configuration adds."""

from pathlib import Path

import pytest

from utility_ts_analytics.config.toml_file import FILE_BYTES_MAX, read_toml
from utility_ts_analytics.errors import ConfigError


def problem_of(path: Path, hint: str = "") -> str:
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

    assert problem_of(path) == f"{path}: cannot read the mapping: there is no such file"
    assert problem_of(path, "make one").endswith("no such file; make one")


def test_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot read the mapping" in problem_of(tmp_path)


@pytest.mark.parametrize("content", [b"a = ", b"\xff = 1", b"[" * 100_000], ids=range(3))
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(content)

    assert problem_of(path).startswith(f"{path}: cannot parse the mapping: ")


def test_file_over_its_bound_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(b"#" * FILE_BYTES_MAX)
    assert read_toml(path, "mapping") == {}

    path.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    assert "is larger than" in problem_of(path)


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
    assert "s3cr3t" not in problem_of(path)
    assert "(at " in problem_of(path)
