"""``GET /api/rates``: the series of one application, a point a minute or more."""

from datetime import datetime, timedelta
from typing import Any

from quart import Blueprint, Response, request

from receiver.clock import Clock
from receiver.pipelines.stages import MINUTE, floor_minute, floor_step
from receiver.store.rates import find_next_minute, list_series
from receiver.web.envelope import answer
from receiver.web.parameters import load_parameters, read_cursor, utc, write_cursor
from receiver.web.reading import Reading
from schemas.queries import STEPS, RatesQuery

QUERY = RatesQuery()

DEFAULT_SPAN = timedelta(hours=1)
# However long the steps are: what one page may cost.
LONGEST_PAGE = timedelta(days=45)


def rates_blueprint(reading: Reading) -> Blueprint:
    """Make the route."""
    blueprint = Blueprint("rates", __name__)

    @blueprint.get("/api/rates")
    async def rates() -> Response:
        reading.admit(request)
        wanted = load_parameters(request, QUERY)
        step = STEPS[wanted["step"]] * MINUTE
        start, end = _span(wanted, reading.clock)
        async with reading.store.operation() as database:
            first = await find_next_minute(database, wanted["system"], start, end) or end
            start = max(start, floor_step(first, step))
            page_end = min(end, floor_step(start, step) + min(wanted["limit"] * step, LONGEST_PAGE))
            points = await list_series(database, wanted["system"], start, page_end, step)
            following = await find_next_minute(database, wanted["system"], page_end, end)
        cursor = write_cursor(floor_step(following, step)) if following else None
        return answer({"success": True, "data": points, "next": cursor})

    return blueprint


def _span(wanted: dict[str, Any], clock: Clock) -> tuple[datetime, datetime]:
    """Return the span that is wanted, from the full minute on; the last hour if nothing is said."""
    end = wanted["end"] or clock()
    start = wanted["start"] or end - DEFAULT_SPAN
    if wanted["cursor"] is not None:
        start = max(start, utc(read_cursor(wanted["cursor"], datetime)))
    return floor_minute(start), end
