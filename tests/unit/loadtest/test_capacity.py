"""Late rows are the same rows, later; a table has every point next to the first one."""

from loadtest.bench.turns import Turn
from loadtest.capacity import late, shuffled, table
from loadtest.readings import Body


def turn(visible_s: float, cpu_s: float) -> Turn:
    return Turn(
        side="service",
        rows=1_000_000,
        megabytes=180,
        acknowledged_s=visible_s,
        visible_s=visible_s,
        service_cpu_s=cpu_s,
        worker_cpu_s=[cpu_s],
        questdb_cpu_s=2 * cpu_s,
        generator_cpu_s=0.1,
    )


def test_table_has_every_point_and_its_ratio_to_the_first() -> None:
    points = {"10 k": [turn(2.5, 1.25), turn(4, 1.5), turn(5, 1)], "1 M": [turn(5, 2)]}
    lines = [line.split() for line in table("meters", points).replace("|", "").splitlines()]
    assert lines[2:] == [
        ["10", "k", "400", "k", "1.00", "200", "k", "1.25", "2.50"],
        ["1", "M", "200", "k", "0.50", "200", "k", "2.00", "4.00"],
    ]


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
