"""``GET /api/systems``: every application at a glance."""

from quart import Blueprint, Response, request

from receiver.store.systems import list_overview
from receiver.web.envelope import answer
from receiver.web.parameters import load_parameters, read_cursor, write_cursor
from receiver.web.reading import Reading
from schemas.queries import SystemsQuery

QUERY = SystemsQuery()


def systems_blueprint(reading: Reading) -> Blueprint:
    """Make the route."""
    blueprint = Blueprint("systems", __name__)

    @blueprint.get("/api/systems")
    async def systems() -> Response:
        reading.admit(request)
        wanted = load_parameters(request, QUERY)
        after = read_cursor(wanted["cursor"], str) if wanted["cursor"] is not None else ""
        limit = wanted["limit"]
        async with reading.store.operation() as database:
            found = await list_overview(database, reading.clock(), after, limit + 1)
        following = write_cursor(found[limit - 1]["system"]) if len(found) > limit else None
        return answer({"success": True, "data": found[:limit], "next": following})

    return blueprint
