"""Green Button files, put together entry by entry."""

from datetime import UTC, datetime
from pathlib import Path

from tests.unit.files.format_rig import TableRead, file_of, mapped, read_table

from utility_ts_analytics.files.formats.espi_table import EspiTable

START = 1_709_280_000
NOON = datetime.fromtimestamp(START, UTC)
WH = "<accumulationBehaviour>4</accumulationBehaviour><flowDirection>1</flowDirection><uom>72</uom>"


def entry(self_link: str, content: str, *, up: str = "", related: tuple[str, ...] = ()) -> str:
    links = [f'<link rel="self" href="{self_link}"/>'] if self_link else []
    links += [f'<link rel="up" href="{up}"/>'] if up else []
    links += [f'<link href="{one}" rel="related"/>' for one in related]
    return (
        f"<entry>{''.join(links)}<title>of {self_link}</title><content>{content}</content></entry>"
    )


def point(number: object = 1, kind: int = 0) -> str:
    link = f"/UsagePoint/{number}"
    service = f"<e:ServiceCategory><e:kind>{kind}</e:kind></e:ServiceCategory>"
    content = f"<e:UsagePoint>{service}</e:UsagePoint>"
    return entry(link, content, up="/UsagePoint", related=(f"{link}/MeterReading",))


def meter_reading(number: object = 1, reading: int = 0, kind: str = "/ReadingType/7") -> str:
    link = f"/UsagePoint/{number}/MeterReading/{reading}"
    related = (f"{link}/IntervalBlock", *((kind,) if kind else ()))
    return entry(
        link, "<e:MeterReading/>", up=f"/UsagePoint/{number}/MeterReading", related=related
    )


def reading_type(texts: str = WH, link: str = "/ReadingType/7") -> str:
    texts = texts.replace("</", "</e:").replace("<", "<e:").replace("<e:/e:", "</e:")
    return entry(link, f"<e:ReadingType>{texts}</e:ReadingType>", up="/ReadingType")


def value(number: object, start: object = START, duration: object = 900, more: str = "") -> str:
    time = f"<e:duration>{duration}</e:duration><e:start>{start}</e:start>"
    more += f"<e:timePeriod>{time}</e:timePeriod>"
    return f"<e:IntervalReading>{more}<e:value>{number}</e:value></e:IntervalReading>"


def block(*readings: str, number: object = 1, reading: int = 0, up: str | None = None) -> str:
    above = f"/UsagePoint/{number}/MeterReading/{reading}/IntervalBlock" if up is None else up
    time = f"<e:interval><e:duration>3600</e:duration><e:start>{START}</e:start></e:interval>"
    content = f"<e:IntervalBlock>{time}{''.join(readings)}</e:IntervalBlock>"
    return entry(f"{above}/17" if above else "", content, up=above)


def feed(*parts: str) -> str:
    spaces = 'xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi"'
    return f'<?xml version="1.0"?>\n<feed {spaces}>\n' + "\n".join(parts) + "\n</feed>"


def read(tmp_path: Path, content: str | bytes) -> TableRead:
    return read_table(EspiTable(file_of(tmp_path, "gb.xml", content)))


def rows_of(found: TableRead) -> list[dict[str, object]]:
    return mapped("espi.sql", "espi($path)", found.table)
