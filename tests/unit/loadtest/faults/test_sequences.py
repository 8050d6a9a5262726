"""What sequences are made of; tests/faults plays them."""

import itertools

import pytest
from loadtest.faults.sequence_play import STEPS
from loadtest.faults.sequences import NAMED, SERVICES, by_service, draw

SEEDS = range(120)


def words(steps: tuple[str, ...]) -> set[str]:
    return {step.split()[0] for step in steps}


def test_one_seed_draws_one_sequence() -> None:
    assert draw(5) == draw(5)
    assert len({draw(seed).steps for seed in SEEDS}) == len(SEEDS)


def test_seeds_draw_every_service_and_every_step_but_those_for_special_cases() -> None:
    drawn = [draw(seed) for seed in SEEDS]
    assert {it.setup for it in drawn} == set(SERVICES)
    assert set().union(*(words(it.steps) for it in drawn)) == STEPS.keys() - {"mend", "settle"}


@pytest.mark.parametrize("name", NAMED)
def test_steps_of_a_named_sequence_are_known(name: str) -> None:
    assert words(NAMED[name].steps) <= STEPS.keys()


def test_sequences_on_one_service_follow_each_other() -> None:
    ordered = by_service([*map(draw, SEEDS), *NAMED.values()])
    changes = sum(a.setup != b.setup for a, b in itertools.pairwise(ordered))
    assert changes == len(SERVICES) - 1
