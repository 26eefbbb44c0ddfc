"""What was changed in a snapshot, counted by place, for its receipt."""

from typing import Any

MOST_PLACES = 200
LONGEST_PATH = 200
MOST_STEPS = 100

Trail = list[str | int]


class Notes:
    """Counts changes by place; a place has no indexes, so that a hundred rows with one secret each are one note.

    Args:
        what: name of the field that says what was done, if several things may have been.
    """

    def __init__(self, what: str | None = None) -> None:
        self._what = what
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, trail: Trail, what: str = "") -> None:
        """Count a change.

        Args:
            trail: the keys and indexes that lead there from the root of the document.
            what: was done.
        """
        # Each step is cut before they are joined: one key may be a megabyte, and stand above a thousand changes.
        steps = [step[:LONGEST_PATH] for step in trail[:MOST_STEPS] if type(step) is str]
        path = ".".join(steps)[:LONGEST_PATH]
        place = (path, what)
        if place not in self._counts and len(self._counts) >= MOST_PLACES:
            place = ("", "others")
        self._counts[place] = self._counts.get(place, 0) + 1

    def listed(self) -> list[dict[str, Any]]:
        """Return ``{"path": …, "count": …}``, with what was done; past :data:`MOST_PLACES` the path is empty."""
        return [
            {"path": path, **({self._what: what} if self._what else {}), "count": count}
            for (path, what), count in self._counts.items()
        ]
