"""Turns the bytes that a fuzzer makes into sizes, texts and cuts."""

import itertools
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Values taken from the front of one input; where it is used up, zeros and empty texts.

    The same bytes always give the same values, so that an input found once can be played again.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, size_bytes: int) -> bytes:
        """Return the next bytes, fewer where there are no more."""
        taken, self._data = self._data[:size_bytes], self._data[size_bytes:]
        return taken

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._data))

    def integer(self, low: int, high: int) -> int:
        """Return a whole number in [low, high], from as few bytes as tell all of them apart."""
        span = high - low + 1
        size_bytes = max(1, ((span - 1).bit_length() + 7) // 8)
        return low + int.from_bytes(self.take(size_bytes), "little") % span

    def choice(self, options: Sequence[T]) -> T:
        """Return one of `options`, which must not be empty."""
        return options[self.integer(0, len(options) - 1)]

    def flag(self) -> bool:
        """Return yes or no; no where the input is used up."""
        return bool(self.integer(0, 1))

    def text(self, characters_max: int) -> str:
        """Return a text without U+0000 and without lone surrogates; may be empty."""
        raw = self.take(self.integer(0, characters_max))
        return raw.decode("utf-8", "ignore").replace("\x00", "")

    def cut_sizes(self) -> list[int]:
        """Return up to four sizes of chunks, each >= 1, to be used in turns; none for one chunk."""
        return [self.integer(1, 256) for _ in range(self.integer(0, 4))]


def cut(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut `body` into chunks of these sizes, in turns; none is empty."""
    chunks = []
    for size in itertools.cycle(sizes or [len(body)]):
        if not body:
            break
        chunks.append(body[:size])
        body = body[size:]
    return chunks
