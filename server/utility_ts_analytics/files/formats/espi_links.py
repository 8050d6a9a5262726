"""Which usage point, meter reading and reading type the interval blocks of a file belong to.

The entries of a feed name each other by addresses, in any order, so that a file is read once for
them before its readings are. Held: usage points, meter readings, reading types, and for each entry
one number.
"""

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.espi_codes import ReadingType, service_of, whole

RESOURCES_MAX = 250_000
"""Usage points, meter readings, reading types and collections of one file: about 200 MB."""

_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
_OF_TYPE = re.compile(r"ReadingType/[^/]+$")
_NOWHERE = -1


@dataclass(slots=True)
class Entry:
    """One entry of the feed; a resource that stands without a feed is one of its own.

    Attributes:
        number: From 1 in the file; 0 where it is none of a feed.
        id: Of the entry.
        title: Of the entry.
        self_link: Address of the resource.
        up_link: Of the collection that the resource is in.
        related: Addresses of other resources and collections.
        resources: Name of the resource, and its texts by their path in it, such as
            `ServiceCategory/kind`. Interval blocks have no texts.
    """

    number: int
    id: str = ""
    title: str = ""
    self_link: str = ""
    up_link: str = ""
    related: list[str] = field(default_factory=list)
    resources: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Series:
    """What the readings of one meter reading have in common. None: the file does not say.

    Attributes:
        usage_point: Last part of its own address, or else the id of its entry.
        usage_point_link: Its own address.
        meter_reading: Last part of its own address.
        title: Of the usage point, or else of the meter reading.
        service_kind: 0 electricity, 1 gas, 2 water.
        kind: Of the readings.
    """

    usage_point: str | None = None
    usage_point_link: str | None = None
    meter_reading: str | None = None
    title: str | None = None
    service_kind: int | None = None
    kind: ReadingType | None = None


@dataclass(frozen=True, slots=True)
class _Resource:
    link: str
    up: str
    related: tuple[str, ...]
    id: str
    title: str
    texts: tuple[int | None, ReadingType | None] = (None, None)


@dataclass(slots=True)
class _Found:
    """Resources of one kind, and where each can be found."""

    all: list[_Resource] = field(default_factory=list)
    by_link: dict[str, _Resource] = field(default_factory=dict)
    by_related: dict[str, _Resource] = field(default_factory=dict)

    def add(self, one: _Resource) -> None:
        self.all.append(one)
        if one.link:
            self.by_link.setdefault(one.link, one)
        for link in one.related:
            self.by_related.setdefault(link, one)

    @property
    def only(self) -> _Resource | None:
        return self.all[0] if len(self.all) == 1 else None

    def above(self, up: str) -> _Resource | None:
        """Return the resource that a member of the collection `up` belongs to."""
        if not up:
            return None
        found = self.by_related.get(up) or self.by_link.get(up)
        return found or self.by_link.get(up.rpartition("/")[0])


class SeriesOfEntries:
    """The series of each entry that has interval blocks.

    Args:
        entries: Of the whole file.
        name: Of the file, for messages.

    Raises:
        OperatorError: There are too many of them to be held.
    """

    def __init__(self, entries: Iterable[Entry], name: str) -> None:
        self._points, self._readings, self._types = _Found(), _Found(), _Found()
        self._collections: dict[str, int] = {}
        # Of entry number i + 1: index of the collection that its blocks are in.
        self._of_entry = array("l")
        for entry in entries:
            self._take(entry)
            held = len(self._points.all) + len(self._readings.all) + len(self._types.all)
            if held + len(self._collections) > RESOURCES_MAX:
                raise OperatorError(
                    f"cannot read {name}: it has over {RESOURCES_MAX} usage points, meter readings"
                    " and reading types: split it"
                )
        self._series = [self._series_of(up) for up in self._collections]
        self._bare = self._series_of("")

    def of(self, entry: int) -> Series:
        """Return the series of an entry by its number; 0 is a block without an entry."""
        if not 0 < entry <= len(self._of_entry):
            return self._bare
        index = self._of_entry[entry - 1]
        return self._bare if index == _NOWHERE else self._series[index]

    def _take(self, entry: Entry) -> None:
        has_blocks = False
        for name, texts in entry.resources:
            if name == "IntervalBlock":
                has_blocks = True
                continue
            one = _resource(entry, name, texts)
            {"UsagePoint": self._points, "MeterReading": self._readings}.get(name, self._types).add(
                one
            )
        if entry.number:
            index = _NOWHERE
            up = _plain(entry.up_link) or _plain(entry.self_link).rpartition("/")[0]
            if has_blocks and up:
                index = self._collections.setdefault(up, len(self._collections))
            self._of_entry.append(index)

    def _series_of(self, up: str) -> Series:
        """Return the series of the interval blocks in a collection."""
        reading = self._readings.above(up)
        if reading is None and "/MeterReading/" not in up:
            reading = self._readings.only
        point = self._points.above(reading.up if reading is not None else _before_reading(up))
        if point is None and not _before_reading(reading.up if reading is not None else up):
            point = self._points.only
        kind = self._type_of(reading)
        point_link = point.link if point is not None else _point_link(reading.up if reading else up)
        service = point.texts[0] if point is not None else None
        titles = [one.title for one in (point, reading) if one is not None]
        return Series(
            usage_point=_last(point_link) or (point.id or None if point is not None else None),
            usage_point_link=point_link or None,
            meter_reading=_last(reading.link if reading is not None else _reading_link(up)),
            title=next(filter(None, titles), None),
            service_kind=service_of(service, kind),
            kind=kind,
        )

    def _type_of(self, reading: _Resource | None) -> ReadingType | None:
        links = reading.related if reading is not None else ()
        named = [link for link in links if _OF_TYPE.search(link)]
        for link in named or links:
            found = self._types.by_link.get(link) or self._types.by_link.get(_type_link(link))
            if found is not None:
                return found.texts[1]
        # A type that is named and is not in the file is not any other.
        only = self._types.only
        return only.texts[1] if only is not None and not named else None


def _resource(entry: Entry, name: str, texts: dict[str, str]) -> _Resource:
    link = _plain(entry.self_link)
    service, kind = None, None
    if name == "UsagePoint":
        service = whole(texts.get("ServiceCategory/kind"))
    elif name == "ReadingType":
        link, kind = _type_link(link), ReadingType.of_texts(texts)
    related = tuple(_plain(one) for one in entry.related)
    return _Resource(link, _plain(entry.up_link), related, entry.id, entry.title, (service, kind))


def _plain(link: str) -> str:
    """Return an address without host, query and what else the same address may differ by."""
    return _HOST.sub("", link).partition("?")[0].strip("/")


def _type_link(link: str) -> str:
    """Return the end of a reading type's address: some files name them from different roots."""
    found = _OF_TYPE.search(link)
    return found[0] if found is not None else link


def _last(link: str) -> str | None:
    return link.rpartition("/")[2] or None


def _before_reading(up: str) -> str:
    """Return the part of an address up to the meter readings of a usage point."""
    head, found, _ = up.partition("/MeterReading")
    return head if found else ""


def _point_link(up: str) -> str:
    head = _before_reading(up)
    return head if "UsagePoint/" in head else ""


def _reading_link(up: str) -> str:
    head, found, tail = up.partition("/MeterReading/")
    return f"{head}{found}{tail.partition('/')[0]}" if found and tail else ""
