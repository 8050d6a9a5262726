"""For `locust -f loadtest/profiles/midnight.py`; the catalogue says what it is."""

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.users import BurstShape, ProfileUser


class Midnight(ProfileUser):
    """One connection of this profile."""

    profile = PROFILES["midnight"]


class MidnightShape(BurstShape):
    """Users before, in and after the burst."""
