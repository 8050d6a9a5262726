"""Late rows are the same rows, later."""

from loadtest.capacity.command import late, shuffled
from loadtest.readings import Body


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
