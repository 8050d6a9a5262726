"""How a worker's numbers lie in its file, so that others read them whole whatever happens to it.

Two copies, written in turns; each ends with a hash over its words. A reader takes the newer of
those whose hash is right: one that is being written, or that a killed worker left half written, is
not.
No lock, no waiting, and no trust in the order in which another core sees our writes.
"""

from array import array
from typing import Final

from xxhash import xxh3_64_digest

from utility_ts_analytics.telemetry.layout import SEQUENCE, TOKEN_WORDS, WORDS, Words

_HASH_BYTES: Final = 8


def file_bytes(token_names: int = 0) -> int:
    """Return the length of both copies of a worker that counts by so many names of tokens."""
    return 2 * (8 * (WORDS + TOKEN_WORDS * token_names) + _HASH_BYTES)


class Publisher:
    """Writes one array into one piece of shared memory, again and again. One writer.

    Args:
        words: What is published; its `SEQUENCE` is counted up here.
        memory: `file_bytes` long, shared with the readers.
    """

    def __init__(self, words: Words, memory: memoryview) -> None:
        self._words = words
        self._source = memoryview(words).cast("B")
        self._memory = memory

    def publish(self) -> None:
        """Let readers have all words as they are now. About half a microsecond."""
        words = self._words
        words[SEQUENCE] = sequence = words[SEQUENCE] + 1
        length = self._source.nbytes
        start = length + _HASH_BYTES if sequence & 1 else 0
        end = start + length
        self._memory[start:end] = self._source
        self._memory[end : end + _HASH_BYTES] = xxh3_64_digest(self._source)


def newest(content: bytes, token_names: int = 0) -> "Words | None":
    """Return the words that were published last, or None if `content` holds no whole copy."""
    if len(content) != file_bytes(token_names):
        return None
    half = len(content) // 2
    whole = [
        array("q", copy[:-_HASH_BYTES])
        for copy in (content[:half], content[half:])
        if xxh3_64_digest(copy[:-_HASH_BYTES]) == copy[-_HASH_BYTES:]
    ]
    return max(whole, key=lambda words: words[SEQUENCE], default=None)
