"""All pipelines by name. The tests walk this list; ``receiver pipeline NAME`` prints one of it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from receiver.pipelines.completeness import completeness
from receiver.pipelines.cookbook.errors import (
    error_rate_by_endpoint,
    failed_jobs,
    failing_endpoints,
    log_levels,
    top_exceptions,
)
from receiver.pipelines.cookbook.performance import costliest_queries, n_plus_one, slow_outgoing, slowest_endpoints
from receiver.pipelines.cookbook.reporting import heaviest_snapshots, reporting_gaps, sampling_systems, secret_places
from receiver.pipelines.cookbook.traffic import batch_timeline, busiest_users
from receiver.pipelines.cookbook.trends import cache_hit_ratio, deploys, memory_trend, week_over_week
from receiver.pipelines.entries import counted, response_times
from receiver.pipelines.memory import memory
from receiver.pipelines.rates import minutes, roll_up
from receiver.pipelines.series import overview, series, series_in_steps
from receiver.pipelines.stages import ENTRIES, RATES, SNAPSHOTS, SYSTEMS, Pipeline
from receiver.pipelines.views import rates_by_type
from receiver.pipelines.windows import minute_windows, windows

BY_TIME = "system_timestamp"
BY_TYPE = "system_source_type_created"
BY_MINUTE = "system_minute"
BY_ID = "_id_"
BATCH = "batch"
TIME = "timestamp"
MINUTE = "minute"


@dataclass(frozen=True)
class Recipe:
    """One pipeline of the catalogue.

    Args:
        build: returns its stages; takes some of ``system``, ``start``, ``end``, ``batch_id`` and ``now``.
        collection: that it reads first.
        index: that it must use there; None where it reads everything.
        question: that it answers, as a person asks.
        hours: how much time the question is usually about.
        note: what the answer's columns mean and what to beware of, in Markdown; for ``docs/analysts.md``.
    """

    build: Callable[..., Pipeline]
    collection: str
    index: str | None
    question: str
    hours: int = 1
    note: str = ""

    @property
    def is_by_minute(self) -> bool:
        """Whether its span must be of full minutes."""
        return self in RATES_RECIPES

    @property
    def name(self) -> str:
        """The name it goes by."""
        return self.build.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """What it takes; what has a default is left at that."""
        taken = inspect.signature(self.build).parameters.values()
        return tuple(parameter.name for parameter in taken if parameter.default is parameter.empty)

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
# What reads them.
SERIES_RECIPES = (
    Recipe(series, RATES, BY_MINUTE, "How did the headline figures go, minute by minute?"),
    Recipe(series_in_steps, RATES, BY_MINUTE, "How did the headline figures go, hour by hour?", 24),
    Recipe(rates_by_type, RATES, None, "What are the rates of every type, a row each? (the view of that name)"),
    Recipe(overview, SYSTEMS, BY_ID, "How is every system?"),
)
# What analysts ask; ``docs/analysts.md`` shows these.
COOKBOOK = (
    Recipe(
        top_exceptions,
        ENTRIES,
        BY_TYPE,
        "Which exceptions are the most frequent, and which of them are new?",
        24,
        "`times`, `last_seen` and the latest `message` are of the span, over the rows that were sampled; "
        "`first_seen` is of all rows that are still kept: a class that was first seen within the span is new.",
    ),
    Recipe(
        failing_endpoints,
        ENTRIES,
        BY_TYPE,
        "Which endpoints throw which exceptions?",
        24,
        "An exception belongs to the request of the same batch. `times` counts the exceptions, `requests` the "
        "batches they were in. Without `endpoint` are those of jobs and commands, and those whose request was not "
        "sampled; exceptions without a batch are left out.",
    ),
    Recipe(
        error_rate_by_endpoint,
        ENTRIES,
        BY_TYPE,
        "Which share of each endpoint's requests fails?",
        24,
        "`error_share` is that of the requests with a status from 500, between 0 and 1, over the requests that "
        "were sampled. Where Telescope keeps only what failed, as it usually does in production, it is near 1 and "
        "says nothing.",
    ),
    Recipe(
        failed_jobs,
        ENTRIES,
        BY_TYPE,
        "Which jobs fail, and on which queue?",
        24,
        "`jobs` counts all that were sampled, `failed` those of them that failed. A job stands at the time when "
        "it was queued.",
    ),
    Recipe(
        log_levels,
        ENTRIES,
        BY_TYPE,
        "How much is logged at which level?",
        24,
        "Over the lines that were sampled, with the latest `message` of each level.",
    ),
    Recipe(
        slowest_endpoints,
        ENTRIES,
        BY_TYPE,
        "Which endpoints are the slowest?",
        24,
        "Milliseconds over the requests that were sampled; `p95_ms` is the time that 95 of 100 requests do not "
        "exceed. An endpoint is the controller's action, or the path where there is none.",
    ),
    Recipe(
        costliest_queries,
        ENTRIES,
        BY_TYPE,
        "Which queries cost the most time in total?",
        24,
        "Queries that differ in their bindings only have one `sql_hash`. The times are sums and means over the "
        "queries that were sampled, so compare them with each other and not with the clock; `sql`, `file` and "
        "`line` are of the slowest.",
    ),
    Recipe(
        n_plus_one,
        ENTRIES,
        BY_TYPE,
        "Which query runs again and again in one request?",
        24,
        "Queries of one `sql_hash` that ran five times or more in one batch: in how many `batches`, how often in "
        "the worst, whose `batch_id` it is (`batch_timeline` shows it). A long batch is seldom sampled whole, so "
        "there may be more.",
    ),
    Recipe(
        slow_outgoing,
        ENTRIES,
        BY_TYPE,
        "Which other hosts are slow to answer, or fail?",
        24,
        "Over the requests of the application's own HTTP client that were sampled. A failure has a status from "
        "500, or got no answer. The posts to this receiver are among them.",
    ),
    Recipe(
        busiest_users,
        ENTRIES,
        BY_TYPE,
        "Which users make the most requests?",
        24,
        "How many of a user's requests are known from `telescope` and from `pulse`; each sees a part, some see "
        "the same, so `requests` is the larger of the two and never more than there were.",
    ),
    Recipe(
        batch_timeline,
        ENTRIES,
        BATCH,
        "What happened in this request?",
        1,
        "Every entry that is known of one batch, a request, a job or a command, with its facts. Telescope's times "
        "are full seconds: entries of the same second are sorted by type.",
    ),
    Recipe(
        cache_hit_ratio,
        RATES,
        BY_MINUTE,
        "Does the cache help?",
        24,
        "From the five-minute counts of Pulse, averaged over the `minutes` of the hour that are known. Where "
        "Pulse samples, `hit_ratio` holds and the two figures per minute are too low.",
    ),
    Recipe(
        memory_trend,
        RATES,
        BY_MINUTE,
        "Does memory grow?",
        7 * 24,
        "Bytes of the PHP process that took the snapshots, not of the whole application; `peak_bytes` is the most "
        "that one of them ever used.",
    ),
    Recipe(
        week_over_week,
        RATES,
        BY_MINUTE,
        "Is it more than a week ago?",
        24,
        "The headline figures per minute, in this span and in the same span seven days before; `change` is that "
        "of the mean, 0.5 is half as much again. Only minutes of which something is known count: `minutes` and "
        "`minutes_before` say how many.",
    ),
    Recipe(
        deploys,
        SNAPSHOTS,
        BY_TIME,
        "What did the new version change?",
        7 * 24,
        "Each change of the PHP or Laravel version from one snapshot to the next, with the hour before it and the "
        "hour after: exceptions per minute, and the mean response time of the requests that were sampled. Two "
        "servers with different versions make a change a minute.",
    ),
    Recipe(
        reporting_gaps,
        SNAPSHOTS,
        BY_TIME,
        "When was nothing reported?",
        7 * 24,
        "More than five minutes between one snapshot and the next, so that no window covers all of it: the gaps "
        "that ended in the span. A silence that lasts is not a gap yet.",
    ),
    Recipe(
        sampling_systems,
        RATES,
        MINUTE,
        "Whose figures are complete, and whose are samples?",
        24,
        "Of the minutes that are known, the share of which every entry arrived. Near 1, the rows of `entries` can "
        "be counted; near 0 they are a sample, and only `rates` tells how much there was.",
    ),
    Recipe(
        heaviest_snapshots,
        SNAPSHOTS,
        TIME,
        "Which snapshots are the largest, and what was left out of them?",
        24,
        "`bytes` of the body as it was sent; `trimmed` says what was not stored and why.",
    ),
    Recipe(
        secret_places,
        SNAPSHOTS,
        TIME,
        "Where do secrets leak into Telescope?",
        24,
        "The places where a value was replaced by `[redacted]`, in how many `snapshots`, and how often in one at "
        "most. Consecutive snapshots repeat the same rows, so this counts places and not leaks.",
    ),
)
CATALOGUE = {recipe.name: recipe for recipe in (*RATES_RECIPES, *SERIES_RECIPES, *COOKBOOK)}

EXAMPLE: dict[str, Any] = {
    "system": "laravel_app",
    "start": datetime(2026, 1, 15, 12, tzinfo=UTC),
    "end": datetime(2026, 1, 15, 13, tzinfo=UTC),
    "now": datetime(2026, 1, 15, 13, tzinfo=UTC),
    "batch_id": "9fe0d14c-d6ab-4d5e-a4ff-f8e866958500",
}
