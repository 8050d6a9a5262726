"""For `locust -f loadtest/profiles/soak.py`; the catalogue says what it is."""

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.users import ProfileUser


class Soak(ProfileUser):
    """One connection of this profile."""

    profile = PROFILES["soak"]
