"""QuestDB's files as a crash leaves them at the worst moment."""

import struct
from pathlib import Path

_TODO_COUNT_AT, _RESTORE_META = 32, 2


def lose_sight(data_dir: Path, table: str) -> None:
    """Leave a table's files as a SIGKILL does between the two renames of a change of metadata.

    QuestDB 9.3.4 changes `_meta` by itself whenever a SYMBOL column outgrows its capacity: it notes
    in `_todo_` how to go back, renames `_meta` to `_meta.prev`, and the new one to `_meta`. A real
    kill meets that moment once in a while; this is what it leaves.

    Args:
        data_dir: Of a QuestDB that does not run.
        table: One with a write-ahead log, as every table of the schema.
    """
    [folder] = (it for it in (data_dir / "db").glob(f"{table}~*") if it.is_dir())
    (folder / "_meta").rename(folder / "_meta.prev")
    todo = folder / "_todo_"
    content = bytearray(todo.read_bytes())
    # One thing to do: to bring `_meta.prev`, the one without a number, back.
    struct.pack_into("<qqq", content, _TODO_COUNT_AT, 1, _RESTORE_META, 0)
    todo.write_bytes(content)
