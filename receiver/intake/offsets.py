"""The UTC offset of times that do not say it, inferred from the snapshot they came in.

A row is at most five minutes older than its snapshot, so its local time minus the snapshot's UTC time is the offset,
give or take those minutes; and offsets are quarter-hours apart. Each row is looked at by itself too, so that a snapshot
taken across a change of the clocks has two offsets, and both are right.

Source: DESIGN.md, sections 3 and 4.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

# Every offset in use, in minutes: the whole hours, and those in between.
OFFSETS = sorted(
    [hours * 60 for hours in range(-12, 15)] + [-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825]
)
TYPICAL_AGE = timedelta(minutes=2.5)
# Beyond the window of five minutes a row may be late, or its clock ahead, by so much and is still placed.
OLDEST, NEWEST = timedelta(minutes=-15), timedelta(minutes=5)


class Offset:
    """The offset of the naive times of one section.

    Args:
        timestamp: the snapshot's, aware.
        configured: minutes east of UTC, where the settings say it; then nothing is inferred.
    """

    def __init__(self, timestamp: datetime, configured: int | None = None) -> None:
        self._now = timestamp.astimezone(UTC).replace(tzinfo=None)
        self._configured = configured
        self.minutes = configured

    def learn(self, moments: Iterable[datetime]) -> None:
        """Take the offset that most of these naive moments suggest."""
        if self._configured is None:
            votes = Counter(self._nearest(moment) for moment in moments)
            self.minutes = votes.most_common(1)[0][0] if votes else None

    def utc(self, moment: datetime) -> datetime | None:
        """Return a naive moment as aware UTC; None where no offset puts it near the snapshot."""
        if self._configured is not None:
            return (moment - timedelta(minutes=self._configured)).replace(tzinfo=UTC)
        return self._near(moment, self.minutes) or self._near(moment, self._nearest(moment))

    def _near(self, moment: datetime, minutes: int | None) -> datetime | None:
        if minutes is None:
            return None
        utc = moment - timedelta(minutes=minutes)
        return utc.replace(tzinfo=UTC) if OLDEST <= utc - self._now <= NEWEST else None

    def _nearest(self, moment: datetime) -> int:
        ahead = (moment - self._now + TYPICAL_AGE).total_seconds() / 60
        place = bisect(OFFSETS, ahead)
        return min(OFFSETS[max(place - 1, 0) : place + 1], key=lambda minutes: abs(minutes - ahead))
