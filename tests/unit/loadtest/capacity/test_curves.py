"""Late rows are the same rows, later; tables and pictures are those of the kept figures."""

import msgspec
from loadtest.capacity.command import (
    _IMAGES,
    _RESULTS,
    Curve,
    Point,
    late,
    picture,
    shuffled,
    table,
)
from loadtest.readings import Body


def point(label: str, rows_per_s: float) -> Point:
    return Point(
        label=label,
        rows=1_000,
        rows_per_s=rows_per_s,
        slowest_rows_per_s=rows_per_s - 1_000,
        service_us=1.25,
        questdb_us=2.5,
        worker_mib=99.0,
    )


def test_table_has_every_point_and_its_ratio_to_the_first() -> None:
    points = [point("10 k", 400_000), point("1 M", 300_000)]
    curve = Curve(name="meters", title="distinct meters", commit="c", machine={}, points=points)
    lines = [line.split() for line in table(curve).replace("|", "").splitlines()]
    assert lines[2] == ["10", "k", "400", "k", "1.00", "399", "k", "1.25", "2.50", "99"]
    assert lines[3] == ["1", "M", "300", "k", "0.75", "299", "k", "1.25", "2.50", "99"]


def test_pictures_in_the_docs_are_those_of_the_kept_figures() -> None:
    kept = msgspec.json.decode(_RESULTS.read_bytes(), type=list[Curve])
    assert kept
    for one in kept:
        drawn = (_IMAGES / f"capacity_{one.name}.svg").read_text()
        assert drawn == picture(one)
        assert all(f"{it.rows_per_s / 1e3:,.0f} k/s" in drawn for it in one.points)


def test_late_rows_come_once_and_as_much_later_as_told() -> None:
    lines = [b"%d-%d\n" % (interval, meter) for interval in range(30) for meter in range(20)]
    found = list(late(lines, meters=20, intervals=4))
    assert sorted(found) == sorted(lines)
    newest, behind = 0, []
    for line in found:
        interval = int(line.split(b"-")[0])
        newest = max(newest, interval)
        behind.append(newest - interval)
    assert set(behind) <= {0, 1, 2, 3, 4}
    assert behind.count(4) == 2 * (30 - 4)  # the last ones come at the end, less late


def test_shuffled_bodies_are_all_bodies_and_the_same_each_time() -> None:
    bodies = [Body(number, 1, 1) for number in range(100)]
    assert shuffled(bodies) == shuffled(bodies) != bodies
    assert sorted(shuffled(bodies), key=lambda body: body.offset) == bodies
