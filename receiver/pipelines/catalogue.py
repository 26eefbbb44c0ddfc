"""All pipelines by name. The tests walk this list; ``receiver pipeline NAME`` prints one of it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from receiver.pipelines.completeness import completeness
from receiver.pipelines.cookbook.performance import slowest_endpoints
from receiver.pipelines.entries import counted, response_times
from receiver.pipelines.memory import memory
from receiver.pipelines.rates import minutes, roll_up
from receiver.pipelines.stages import ENTRIES, SNAPSHOTS, Pipeline
from receiver.pipelines.windows import minute_windows, windows

BY_TIME = "system_timestamp"
BY_TYPE = "system_source_type_created"


@dataclass(frozen=True)
class Recipe:
    """One pipeline of the catalogue.

    Args:
        build: returns its stages; takes some of ``system``, ``start``, ``end`` and ``batch_id``.
        collection: that it reads first.
        index: that it must use there.
        question: that it answers, as a person asks.
        hours: how much time the question is usually about.
    """

    build: Callable[..., Pipeline]
    collection: str
    index: str
    question: str
    hours: int = 1

    @property
    def name(self) -> str:
        """The name it goes by."""
        return self.build.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """What it takes."""
        return tuple(inspect.signature(self.build).parameters)

    def stages(self, arguments: dict[str, Any]) -> Pipeline:
        """Build it from those of the arguments that it takes."""
        return self.build(**{name: arguments[name] for name in self.parameters})


# What ``rates`` is made of.
RATES_RECIPES = (
    Recipe(windows, SNAPSHOTS, BY_TIME, "What does each snapshot count, and what does that prove?"),
    Recipe(minute_windows, SNAPSHOTS, BY_TIME, "Which of the snapshots' counts speak for each minute?"),
    Recipe(completeness, SNAPSHOTS, BY_TIME, "Of which minutes is everything known?"),
    Recipe(counted, ENTRIES, BY_TYPE, "How many distinct entries are known of each minute?"),
    Recipe(response_times, ENTRIES, BY_TYPE, "How long did requests take, minute by minute?"),
    Recipe(memory, SNAPSHOTS, BY_TIME, "How much memory did the sending process use?"),
    Recipe(minutes, SNAPSHOTS, BY_TIME, "What would the documents of rates be?"),
    Recipe(roll_up, SNAPSHOTS, BY_TIME, "Bring the documents of rates up to date"),
)
# What analysts ask; ``docs/analysts.md`` shows these.
COOKBOOK = (Recipe(slowest_endpoints, ENTRIES, BY_TYPE, "Which endpoints are the slowest?", 24),)
CATALOGUE = {recipe.name: recipe for recipe in (*RATES_RECIPES, *COOKBOOK)}

EXAMPLE: dict[str, Any] = {
    "system": "laravel_app",
    "start": datetime(2026, 1, 15, 12, tzinfo=UTC),
    "end": datetime(2026, 1, 15, 13, tzinfo=UTC),
    "batch_id": "9fe0d14c-d6ab-4d5e-a4ff-f8e866958500",
}
