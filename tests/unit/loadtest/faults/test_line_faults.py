"""Where lines are cut at random: the same for the same seed, everywhere, and not always."""

import random

from loadtest.faults.line_faults import random_cuts


def test_random_cuts_are_seeded_and_strike_both_directions_near_and_far() -> None:
    def cuts(seed: int) -> list[object]:
        rng = random.Random(seed)  # noqa: S311 - seeded
        choose = random_cuts(rng, up_bytes_max=100_000, down_bytes_max=400)
        return [choose() for _ in range(400)]

    assert cuts(1) == cuts(1)
    assert cuts(1) != cuts(2)
    rng = random.Random(1)  # noqa: S311 - seeded
    choose = random_cuts(rng, up_bytes_max=100_000, down_bytes_max=400)
    chosen = [choose() for _ in range(400)]
    up = [it.after_bytes for it in chosen if it is not None and it.direction == "up"]
    down = [it.after_bytes for it in chosen if it is not None and it.direction == "down"]
    assert chosen.count(None) > 0
    assert (min(up) < 100, max(up) > 50_000, max(up) < 100_000) == (True, True, True)
    assert (min(down) < 10, max(down) > 200, max(down) < 400) == (True, True, True)
    assert {it.reset for it in chosen if it is not None} == {True, False}
