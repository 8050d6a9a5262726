"""How a worker's numbers lie in its file, so that others read them whole whatever happens to it.

Two copies, written in turns; each ends with a hash over its words. A reader takes the newer of
those whose hash is right: one that is being written, or that a killed worker left half written, is
not.
No lock, no waiting, and no trust in the order in which another core sees our writes.
"""

from array import array
from typing import Final

from xxhash import xxh3_64_digest

from utility_ts_analytics.telemetry.layout import SEQUENCE, WORDS, Words

_WORDS_BYTES: Final = 8 * WORDS
_COPY_BYTES: Final = _WORDS_BYTES + 8
FILE_BYTES: Final = 2 * _COPY_BYTES


class Publisher:
    """Writes one array into one piece of shared memory, again and again. One writer.

    Args:
        words: What is published; its `SEQUENCE` is counted up here.
        memory: `FILE_BYTES` long, shared with the readers.
    """

    def __init__(self, words: Words, memory: memoryview) -> None:
        self._words = words
        self._source = memoryview(words).cast("B")
        self._memory = memory

    def publish(self) -> None:
        """Let readers have all words as they are now. About half a microsecond."""
        words = self._words
        words[SEQUENCE] = sequence = words[SEQUENCE] + 1
        start = _COPY_BYTES if sequence & 1 else 0
        end = start + _WORDS_BYTES
        self._memory[start:end] = self._source
        self._memory[end : end + 8] = xxh3_64_digest(self._source)


def newest(content: bytes) -> "Words | None":
    """Return the words that were published last, or None if `content` holds no whole copy."""
    if len(content) != FILE_BYTES:
        return None
    copies = [content[:_COPY_BYTES], content[_COPY_BYTES:]]
    whole = [
        array("q", copy[:_WORDS_BYTES])
        for copy in copies
        if xxh3_64_digest(copy[:_WORDS_BYTES]) == copy[_WORDS_BYTES:]
    ]
    return max(whole, key=lambda words: words[SEQUENCE], default=None)
