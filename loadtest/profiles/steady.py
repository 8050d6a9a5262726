"""For `locust -f loadtest/profiles/steady.py`; the catalogue says what it is."""

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.users import ProfileUser


class Steady(ProfileUser):
    """One connection of this profile."""

    profile = PROFILES["steady"]
