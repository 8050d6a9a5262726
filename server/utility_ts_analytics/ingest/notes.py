"""Counts of what the rules of a file decided: what `load` reports beside rows and refused lines."""


def add_note(notes: dict[str, int], name: str, count: int = 1) -> None:
    """Count `name` so many times more; 0 leaves no trace."""
    if count:
        notes[name] = notes.get(name, 0) + count
