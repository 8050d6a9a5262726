"""How many brokers have the partitions of a topic, by what brokers say of it. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

_Brokers = Collection[int]


@dataclass(frozen=True, slots=True)
class Replication:
    """Where the replicas of a topic are.

    Attributes:
        partitions: Number of partitions; 0 where nothing is known.
        replicas: Brokers that should have each partition, of the partition with the fewest.
        in_sync_min: Brokers that have all of a partition, of the partition with the fewest.
        under_replicated: Partitions of which some broker does not have everything.
        leaderless: Numbers of the partitions that nobody leads: they are neither read nor written.
        brokers: Ids of all brokers with a replica.
        brokers_in_sync: Ids of those that have all of at least one partition.
    """

    partitions: int = 0
    replicas: int = 0
    in_sync_min: int = 0
    under_replicated: int = 0
    leaderless: tuple[int, ...] = ()
    brokers: frozenset[int] = frozenset()
    brokers_in_sync: frozenset[int] = frozenset()


UNKNOWN: Final = Replication()
"""Where brokers did not say."""


@dataclass(frozen=True, slots=True)
class PartitionReplicas:
    """One partition: its number, its leader (-1: none), and ids of brokers."""

    number: int
    leader: int
    replicas: _Brokers
    in_sync: _Brokers


def replication_of(partitions: Iterable[PartitionReplicas]) -> Replication:
    """Return where the replicas of a topic are."""
    found = list(partitions)
    return Replication(
        partitions=len(found),
        replicas=min((len(one.replicas) for one in found), default=0),
        in_sync_min=min((len(one.in_sync) for one in found), default=0),
        under_replicated=sum(len(one.in_sync) < len(one.replicas) for one in found),
        leaderless=tuple(sorted(one.number for one in found if one.leader < 0)),
        brokers=frozenset(broker for one in found for broker in one.replicas),
        brokers_in_sync=frozenset(broker for one in found for broker in one.in_sync),
    )
