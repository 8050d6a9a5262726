"""For `locust -f loadtest/profiles/trickle.py`; the catalogue says what it is."""

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.users import ProfileUser


class Trickle(ProfileUser):
    """One connection of this profile."""

    profile = PROFILES["trickle"]
