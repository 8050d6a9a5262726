"""For `locust -f loadtest/profiles/dirty.py`; the catalogue says what it is."""

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.users import ProfileUser


class Dirty(ProfileUser):
    """One connection of this profile."""

    profile = PROFILES["dirty"]
