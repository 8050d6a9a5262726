"""The example file is the reference of every key: it must not drift from the model."""

import re
import tomllib
from pathlib import Path

import pytest

from utility_ts_analytics.config.load import load_config, parse_config
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.tree import leaves
from utility_ts_analytics.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "ingestion-config.example.toml"
KEY_LINE = re.compile(r"(# )?([a-z_]+) = .+")


def lines() -> list[str]:
    return EXAMPLE.read_text(encoding="utf-8").splitlines()


def key_lines() -> dict[str, tuple[int, str]]:
    """Return the line index and the text, without comment sign, of every key, commented or not."""
    found: dict[str, tuple[int, str]] = {}
    section = ""
    for index, line in enumerate(lines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif (match := KEY_LINE.fullmatch(line)) is not None:
            path = f"{section}.{match[2]}"
            assert path not in found
            found[path] = (index, line.removeprefix("# "))
    return found


def test_the_example_gives_exactly_the_defaults() -> None:
    assert load_config(EXAMPLE, {}) == Config()


def test_the_example_has_every_key_of_the_model_and_no_other() -> None:
    assert list(key_lines()) == [leaf.path for leaf in leaves(Config())]


def test_a_key_is_commented_out_only_where_it_has_no_default() -> None:
    for leaf in leaves(Config()):
        index, _ = key_lines()[leaf.path]
        assert lines()[index].startswith("# ") == (leaf.value is None), leaf.path


def test_every_key_has_its_sentence_where_it_stands_first() -> None:
    _, *others = Config().streams
    for path, (index, _) in key_lines().items():
        if path.partition(".")[0] not in others:
            above = lines()[index - 1]
            assert above.startswith("# "), path
            assert above.endswith("."), path


def test_the_keys_that_are_commented_out_are_good_ones() -> None:
    """With all of them in, what cannot stand beside others is all that is wrong."""
    text = "\n".join(
        line.removeprefix("# ") if KEY_LINE.fullmatch(line) else line for line in lines()
    )
    with pytest.raises(ConfigError) as raised:
        parse_config(tomllib.loads(text), {})
    assert [line.partition(":")[0] for line in raised.value.problems] == [
        *(f"{stream}.source.auth_bearer_token" for stream in Config().streams),
        "questdb.ilp_token",
        "questdb.tls_ca_file",
    ]
