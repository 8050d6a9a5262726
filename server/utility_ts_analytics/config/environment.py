"""Values from the environment: `INGESTION__SECTION__KEY=value`, or `..._FILE=path` for secrets.

`INGESTION__QUESTDB__SHARDS__NORTH__URI` is a key of the shard that the file names "north".
`INGESTION__KAFKA__CLIENT__SASL_PASSWORD` is `sasl.password` of `[kafka.client]`, whose keys are
librdkafka's and not the model's.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path

from msgspec.inspect import type_info

from utility_ts_analytics.config.leaf import EnvironmentText
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems, join_path, unknown_key
from utility_ts_analytics.config.shards import Shard
from utility_ts_analytics.config.tree import Leaf, leaves

PREFIX = "INGESTION__"
FILE_SUFFIX = "_FILE"
FILE_BYTES_MAX = 65_536

_SHARDS = f"{PREFIX}QUESTDB__SHARDS__"
_CLIENT = f"{PREFIX}KAFKA__CLIENT__"


def variable_name(leaf: Leaf) -> str:
    """Return the variable that sets this key."""
    return PREFIX + "__".join(leaf.keys).upper()


def with_environment(
    tables: Mapping[str, object], environ: Mapping[str, str], problems: Problems
) -> dict[str, object]:
    """Return `tables` with the values of the environment in their place, as `EnvironmentText`.

    Args:
        tables: As TOML gave them; not changed.
        environ: The environment; only names that begin with `INGESTION__` are looked at.
        problems: Gets unknown variables, files that cannot be read, and keys set by both variables.
    """
    variables = {variable_name(leaf): leaf for leaf in leaves(Config())}
    for name in environ:
        if name.startswith(_CLIENT):
            setting = name.removesuffix(FILE_SUFFIX)
            variables[setting] = _client_leaf(setting)
    variables |= _shard_variables(tables)
    files = {name + FILE_SUFFIX: name for name in variables}
    merged = dict(tables)
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        leaf = variables.get(files.get(name, name))
        if leaf is None:
            known = [*variables, *files]
            shown = unknown_key(name.removeprefix(PREFIX), [n.removeprefix(PREFIX) for n in known])
            path = join_path("", name) if name.endswith(shown) else f"{PREFIX}{shown}"
            problems.add(path, f"is no known key{_suggestion(name, known)}")
        elif name in variables:
            value = EnvironmentText(environ[name], name, is_from_file=False)
            merged = _with_value(merged, leaf.keys, value)
        elif files[name] in environ:
            problems.add(leaf.path, f"set one of {files[name]} and {name}, not both")
        else:
            text = _read_file(environ[name], name, leaf, problems)
            if text is not None:
                value = EnvironmentText(text, name, is_from_file=True)
                merged = _with_value(merged, leaf.keys, value)
    return merged


def _client_leaf(name: str) -> Leaf:
    """Return the key of `[kafka.client]` that a variable sets."""
    setting = name.removeprefix(_CLIENT).lower().replace("_", ".")
    return Leaf(("kafka", "client", setting), type_info(str), None)


def _shard_variables(tables: Mapping[str, object]) -> dict[str, Leaf]:
    """Return the keys of the shards that the file has, by their variables."""
    questdb = tables.get("questdb")
    shards = questdb.get("shards") if isinstance(questdb, dict) else None
    found = {}
    for index, table in enumerate(shards if isinstance(shards, list) else ()):
        name = table.get("name") if isinstance(table, dict) else None
        if isinstance(name, str):
            for leaf in leaves(Shard(), ("questdb", "shards", str(index))):
                key = leaf.keys[-1]
                if key != "name":
                    variable = f"{_SHARDS}{name}__{key}".upper().replace("-", "_")
                    found[variable] = leaf
    return found


def _with_value(
    table: Mapping[str, object], keys: tuple[str, ...], value: EnvironmentText
) -> dict[str, object]:
    """Return a copy of `table` with `value` under `keys`."""
    key, *rest = keys
    if not rest:
        return {**table, key: value}
    inner = table.get(key, {})
    if isinstance(inner, list):  # shards; `rest` begins with an index
        index, last = rest
        shards = [
            {**shard, last: value} if number == int(index) else shard
            for number, shard in enumerate(inner)
        ]
        return {**table, key: shards}
    if not isinstance(inner, dict):  # reported when the tables are read
        return dict(table)
    return {**table, key: _with_value(inner, tuple(rest), value)}


def _read_file(path: str, name: str, leaf: Leaf, problems: Problems) -> str | None:
    """Return the file's text without the newlines at its end, or None after adding a problem."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) <= FILE_BYTES_MAX:
            return content.decode().rstrip("\r\n")
        cause = f"it is larger than {FILE_BYTES_MAX} bytes"
    except OSError as error:
        cause = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        cause = "it is not UTF-8 text"
    # The path stays out: by mistake it may be the secret itself.
    problems.add(leaf.path, f"cannot read the file that it names: {cause}", variable=name)
    return None


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"; did you mean {near[0]}?" if near else ""
