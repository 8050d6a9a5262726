"""For `locust -f loadtest/profiles/stream.py`; the catalogue says what it is."""

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.users import ProfileUser


class Stream(ProfileUser):
    """One connection of this profile."""

    profile = PROFILES["stream"]
