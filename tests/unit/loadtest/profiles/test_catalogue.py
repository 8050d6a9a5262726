"""The profiles that were asked for, and what falls due in them."""

from dataclasses import replace
from pathlib import Path

import loadtest.profiles.catalogue as catalogue
import pytest
from loadtest.profiles.catalogue import PROFILES, planned_posts, users_at

NAMES = ["steady", "midnight", "stream", "trickle", "dirty", "soak"]


def test_all_profiles_are_there_each_with_a_file_for_locust() -> None:
    assert list(PROFILES) == NAMES
    folder = Path(catalogue.__file__).parent
    for name in NAMES:
        assert f'profile = PROFILES["{name}"]' in (folder / f"{name}.py").read_text()


def test_midnight_has_ten_times_the_users_in_the_middle() -> None:
    profile = PROFILES["midnight"]
    users = [users_at(profile, elapsed_s, 60) for elapsed_s in (0, 19.9, 20, 39.9, 40, 59)]
    assert users == [20, 20, 200, 200, 20, 20]
    assert users_at(PROFILES["steady"], 30, 60) == PROFILES["steady"].users


@pytest.mark.parametrize(("burst", "planned"), [(1, 190), (10, 760)])
def test_posts_of_a_burst_are_planned_for(burst: int, planned: int) -> None:
    profile = replace(PROFILES["dirty"], rate=20, burst=burst)
    assert planned_posts(profile, 10) == planned


def test_nothing_is_planned_where_posts_follow_each_other() -> None:
    assert planned_posts(PROFILES["stream"], 60) == 0
