"""Several QuestDB servers that share the readings by partition: `[[questdb.shards]]`.

Part of the model: the rules for names and ranges in `model` apply here too.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Annotated, Final, Self

from msgspec import Meta

from utility_ts_analytics.config.questdb_values import DatabaseUri, HttpAddress
from utility_ts_analytics.config.values import Section

PARTITIONS_MAX: Final = 65_536
"""Most partitions of a topic, as of `sinks.kafka.partitioning`."""

_RANGE: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)

ShardName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z",
        description="up to 64 letters, digits, - and _, the first one a letter or digit",
    ),
]


class Partitions:
    """Numbers of partitions, rising, each once.

    Attributes:
        numbers: 0..65535 each; empty only in a shard that was not read yet.
    """

    __slots__ = ("numbers",)

    expected: Final = 'a range such as "0-11", or a list of ranges and numbers, each of them once'

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self.numbers: Final = tuple(sorted(numbers))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ranges and numbers, separated by commas.

        Raises:
            ValueError: It is none, a number is over 65535, or one stands twice.
        """
        numbers: list[int] = []
        for part in text.split(","):
            found = _RANGE.fullmatch(part.strip())
            if found is None:
                raise ValueError(cls.expected)
            first = int(found[1])
            last = first if found[2] is None else int(found[2])
            if not first <= last < PARTITIONS_MAX:
                raise ValueError(cls.expected)
            numbers += range(first, last + 1)
        if len(set(numbers)) < len(numbers):
            raise ValueError(cls.expected)
        return cls(numbers)

    def __str__(self) -> str:
        return ranges_text(self.numbers)

    def __repr__(self) -> str:
        return f"Partitions({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partitions) and self.numbers == other.numbers

    def __hash__(self) -> int:
        return hash(self.numbers)


def ranges_text(numbers: Sequence[int]) -> str:
    """Return rising numbers as ranges: `0-11, 14`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{one}-{last}" if last > one else f"{one}" for one, last in parts)


class Shard(Section, frozen=True, kw_only=True):
    """One of several QuestDB servers. Each key has to be set.

    Attributes:
        name: In messages, metrics, and file names of the archive.
        partitions: Of every topic, whose keys it holds.
        uri: PostgreSQL wire, with its login.
        ilp_http_addr: ILP over HTTP; login and authorities are those of `[questdb]`.
    """

    name: ShardName = ""
    partitions: Partitions = Partitions()
    uri: DatabaseUri = DatabaseUri("")
    ilp_http_addr: HttpAddress = HttpAddress("", 0)


class Shards:
    """All shards in the order of the file; empty where one QuestDB has everything."""

    __slots__ = ("_shards",)

    def __init__(self, shards: Iterable[Shard] = ()) -> None:
        self._shards = tuple(shards)

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    def __len__(self) -> int:
        return len(self._shards)

    def __repr__(self) -> str:
        return f"Shards({list(self._shards)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shards) and self._shards == other._shards

    def __hash__(self) -> int:
        return hash(self._shards)

    @property
    def partition_count(self) -> int:
        """Number of partitions that are covered."""
        return sum(len(shard.partitions.numbers) for shard in self)

    def partitions_of(self, name: str) -> frozenset[int] | None:
        """Return the partitions of a shard; None if there are no shards: it has all of them.

        Args:
            name: One of the shards'; "" without shards.
        """
        if not self:
            return None
        return next(frozenset(one.partitions.numbers) for one in self if one.name == name)

    def problems(self) -> list[tuple[int, str, str]]:
        """Return what is wrong between shards: the index of a shard, a key and the message."""
        found = []
        for (_, one), (index, other) in combinations(enumerate(self), 2):
            if one.name.lower() == other.name.lower():
                found.append((index, "name", f"is the name of another shard too ({one.name})"))
            if str(one.ilp_http_addr) == str(other.ilp_http_addr):
                text = f"is the address of shard {one.name} too: each shard is a QuestDB of its own"
                found.append((index, "ilp_http_addr", text))
            shared = sorted(set(one.partitions.numbers) & set(other.partitions.numbers))
            if shared:
                text = f"has {ranges_text(shared)}, which shard {one.name} has already"
                found.append((index, "partitions", text))
        covered = {number for shard in self for number in shard.partitions.numbers}
        gap = sorted(set(range(max(covered, default=-1) + 1)) - covered)
        if gap:
            names = ", ".join(shard.name for shard in self)
            text = f"no shard has {ranges_text(gap)} (shards: {names}): give them to one"
            found.append((0, "partitions", text))
        return found

    def misfits(self, partitions: int, topic: str) -> list[str]:
        """Return one line if a topic has partitions that no shard has; empty otherwise.

        Args:
            partitions: Number of partitions of the topic.
            topic: Its name.
        """
        if not self or partitions <= self.partition_count:
            return []
        missing = ranges_text(range(self.partition_count, partitions))
        names = ", ".join(f"{shard.name}: {shard.partitions}" for shard in self)
        return [
            f"questdb.shards: the topic {topic} has {partitions} partitions, and no shard has"
            f" {missing} ({names})"
        ]

    def beyond(self, partitions: int) -> list[str]:
        """Return one line per shard with partitions that no topic has.

        Args:
            partitions: Number of partitions of the topic that has most.
        """
        found = []
        for shard in self:
            idle = [number for number in shard.partitions.numbers if number >= partitions]
            if idle:
                found.append(
                    f"questdb.shards: shard {shard.name} has partitions {ranges_text(idle)}, and"
                    f" no topic has more than {partitions}"
                )
        return found
