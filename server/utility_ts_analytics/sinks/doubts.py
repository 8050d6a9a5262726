"""Requests whose answer did not come: until when they may still be carried out. Pure."""

from collections.abc import Collection


class Doubts:
    """What one process knows of them, by the place of the lane that sent each.

    A doubt ends once QuestDB has answered something that was asked after it began, and a while more
    has passed: what it had received before that is carried out by then, or never will be.

    Args:
        grace_s: That while, seconds.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._open: dict[int, tuple[float, float | None]] = {}
        self._over: dict[int, float] = {}

    def places(self) -> Collection[int]:
        """Return the places whose requests are in doubt."""
        return self._open.keys()

    def note(self, place: int, began_s: float) -> None:
        """Note a doubt; one that is known, or over, stays as it is.

        Args:
            place: Of the lane; a later doubt takes the place of an earlier one.
            began_s: When nobody waited for the answer any longer, monotonic seconds.
        """
        known_s, _ = self._open.get(place, (None, None))
        if began_s not in (known_s, self._over.get(place)):
            self._open[place] = (began_s, None)

    def end(self, answered_s: float, now_s: float) -> dict[int, float]:
        """End the doubts whose time has come; return their places and when they began.

        Args:
            answered_s: When the last question that QuestDB has answered was asked.
            now_s: Now, on the same clock.
        """
        ended = {}
        for place, (began_s, seen_s) in list(self._open.items()):
            if seen_s is None and answered_s >= began_s:
                self._open[place] = (began_s, now_s)
            elif seen_s is not None and now_s - seen_s >= self._grace_s:
                del self._open[place]
                self._over[place] = ended[place] = began_s
        return ended
