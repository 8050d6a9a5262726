#!/usr/bin/env python3
"""Prints generated readings as NDJSON: seeded, on a 15-minute grid, with daily load shapes.

All meters of one interval come before the next interval, so N rows are N distinct keys. Standard
library only.
"""

import argparse
import itertools
import math
import os
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

INTERVAL = timedelta(minutes=15)
INTERVALS_PER_DAY = 96
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)

_NOISE_COUNT = 4096
_WRITE_LINES = 5_000
_FUELS = ("SOLAR", "HYDRO", "GAS", "WIND")
_SATURDAY = 5

BAD_LINES = (
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad"',
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"\xff","kwh":1,"plant_id":"\xff","mw":1}',
    b'{"ts":"2024-01-01T00:00:00Z","kvarh":1}',
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":5,"kwh":"1","plant_id":5,"mw":"1"}',
    b'{"ts":"2024-13-01T00:00:00Z","meter_id":"bad","kwh":1,"plant_id":"bad","mw":1}',
    b'{"ts":"2024-01-01T00:00:00","meter_id":"bad","kwh":1,"plant_id":"bad","mw":1}',
    b'{"ts":"1999-12-31T23:59:59Z","meter_id":"bad","kwh":1,"plant_id":"bad","mw":1}',
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad","kwh":1e999,"plant_id":"bad","mw":1e999}',
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad","kwh":-1,"plant_id":"bad","mw":-1}',
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"","kwh":1,"plant_id":"","mw":1}',
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"%(x)s","kwh":1,"plant_id":"%(x)s","mw":1}'
    % {b"x": b"x" * 257},
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"a\\u0000","kwh":1,"plant_id":"a\\u0000","mw":1}',
)
"""One line of each kind that either stream has to refuse."""


def day_shape(kind: str, *, weekend: bool) -> list[float]:
    """Return 96 relative powers, mean about 1, of a kind of customer on one kind of day.

    Kinds: `household` (morning and evening peaks), `commercial` (working hours), `solar` (a
    household that draws next to nothing while its roof delivers).
    """
    shape = []
    for index in range(INTERVALS_PER_DAY):
        hour = index / 4
        morning = math.exp(-(((hour - (9.5 if weekend else 7.2)) / 1.6) ** 2))
        evening = math.exp(-(((hour - 19.2) / 2.4) ** 2))
        household = (
            0.45 + 0.9 * morning + 1.6 * evening + (0.25 if weekend and 10 < hour < 17 else 0)
        )
        working = 0.35 if weekend else 1.9 / (1 + math.exp(-2 * (hour - 7.5)))
        commercial = 0.3 + working / (1 + math.exp(2 * (hour - 18.0)))
        daylight = max(0.0, math.sin(math.pi * (hour - 6) / 12)) if 6 < hour < 18 else 0.0
        shape.append(
            {
                "household": household,
                "commercial": commercial,
                "solar": max(0.02, household * (1 - daylight)),
            }[kind]
        )
    return shape


def meter_lines(count: int, *, meters: int, start: datetime, seed: int) -> Iterator[str]:
    """Yield `count` readings of `meters` meters, full rows but for `event_id`, newline included.

    `kwh` is >= 0, energy of the interval that starts at `ts`; three decimals.
    """
    rng = random.Random(seed)
    noise = [math.exp(rng.gauss(0, 0.25)) for _ in range(_NOISE_COUNT)]
    heads, scales, kinds = [], [], []
    for number in range(1, meters + 1):
        kind = ("commercial", "solar")[number % 10 - 8] if number % 10 >= 8 else "household"
        kinds.append(kind)
        scales.append((2.5 if kind == "commercial" else 0.09) * math.exp(rng.gauss(0, 0.4)))
        heads.append(f'"meter_id":"M-{number:07}","premise_id":"P-{number:07}","kwh":')
    shapes = {
        (kind, weekend): day_shape(kind, weekend=weekend)
        for kind in ("household", "commercial", "solar")
        for weekend in (False, True)
    }
    produced = 0
    for interval in itertools.count():
        moment = start + interval * INTERVAL
        ts = f'{{"ts":"{moment.strftime("%Y-%m-%dT%H:%M:%SZ")}",'
        weekend = moment.weekday() >= _SATURDAY
        index = (moment.hour * 60 + moment.minute) // 15
        level = {
            kind: shapes[kind, weekend][index] for kind in ("household", "commercial", "solar")
        }
        for meter in range(min(meters, count - produced)):
            spot = (meter * 31 + interval * 17) & (_NOISE_COUNT - 1)
            kwh = level[kinds[meter]] * scales[meter] * noise[spot]
            flag = "ESTIMATED" if spot % 97 == 0 else "VALID"
            yield (
                f'{ts}{heads[meter]}{kwh:.3f},"kvarh":{kwh * 0.21:.3f},'
                f'"kva_demand":{kwh * 4.9:.3f},'
                f'"quality_flag":"{flag}","source_system":"HES-1"}}\n'
            )
        produced += min(meters, count - produced)
        if produced >= count:
            return


def plant_lines(count: int, *, plants: int, start: datetime, seed: int) -> Iterator[str]:
    """Yield `count` readings of `plants` plants with two units each; `mw` is >= 0."""
    rng = random.Random(seed)
    sizes = [5 + 95 * rng.random() for _ in range(plants)]
    noise = [1 - 0.3 * rng.random() for _ in range(_NOISE_COUNT)]
    units = [(plant, unit) for plant in range(plants) for unit in (1, 2)]
    for number in range(count):
        interval, position = divmod(number, len(units))
        plant, unit = units[position]
        moment = start + interval * INTERVAL
        fuel = _FUELS[plant % len(_FUELS)]
        hour = moment.hour + moment.minute / 60
        share = max(0.0, math.sin(math.pi * (hour - 6) / 12)) if fuel == "SOLAR" else 0.8
        mw = sizes[plant] * share * noise[(number * 31) & (_NOISE_COUNT - 1)]
        yield (
            f'{{"ts":"{moment.strftime("%Y-%m-%dT%H:%M:%SZ")}","plant_id":"PLANT-{plant + 1:04}",'
            f'"unit_id":"U{unit}","mw":{mw:.3f},"mvar":{mw * 0.1:.3f},'
            f'"status":"{"ONLINE" if mw else "STANDBY"}","fuel_type":"{fuel}"}}\n'
        )


def with_bad_lines(lines: Iterator[str], share: float, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Yield each line with whether it is good; about `share` of them are replaced by bad ones."""
    rng = random.Random(seed + 1)
    bad = itertools.cycle(BAD_LINES)
    for line in lines:
        if share and rng.random() < share:
            yield next(bad) + b"\n", False
        else:
            yield line.encode(), True


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the readings; with `--bad-share`, the number of bad lines goes to standard error."""
    options = _parse(arguments)
    if options.kind == "meter-usage":
        lines = meter_lines(
            options.count, meters=options.meters, start=options.start, seed=options.seed
        )
    else:
        lines = plant_lines(
            options.count, plants=options.plants, start=options.start, seed=options.seed
        )
    try:
        bad_lines = _write(lines, options.bad_share, options.seed)
    except BrokenPipeError:
        # Whoever reads has seen enough; keep Python from complaining while it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if options.bad_share:
        print(f"{bad_lines} of {options.count} lines are bad", file=sys.stderr)
    return 0


def _write(lines: Iterator[str], bad_share: float, seed: int) -> int:
    out = sys.stdout.buffer
    if not bad_share:
        while chunk := "".join(itertools.islice(lines, _WRITE_LINES)):
            out.write(chunk.encode())
        out.flush()
        return 0
    bad_lines = 0
    for line, good in with_bad_lines(lines, bad_share, seed):
        bad_lines += not good
        out.write(line)
    out.flush()
    return bad_lines


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print generated readings as NDJSON.")
    parser.add_argument("kind", choices=["meter-usage", "generation-output"])
    parser.add_argument("--count", type=_positive, required=True, help="lines to print")
    parser.add_argument("--meters", type=_positive, default=1000, help="default: 1000")
    parser.add_argument("--plants", type=_positive, default=4, help="default: 4")
    parser.add_argument("--start", type=_moment, default=DEFAULT_START, help="RFC 3339")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    parser.add_argument("--bad-share", type=_share, default=0.0, help="0..1 of the lines are bad")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return float(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("must have an offset, such as 2024-01-01T00:00:00Z")
    return moment.astimezone(UTC)


if __name__ == "__main__":
    raise SystemExit(main())
