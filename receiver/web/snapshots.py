"""``GET /api/snapshots``: the stored snapshots, newest first; and one of them whole."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from quart import Blueprint, Response, request

from receiver.errors import ErrorCode, Refusal
from receiver.store.snapshots import Wanted, find_snapshot, list_snapshots
from receiver.web.envelope import answer
from receiver.web.parameters import load_parameters, read_cursor, utc, write_cursor
from receiver.web.reading import Reading
from schemas.queries import SnapshotsQuery

QUERY = SnapshotsQuery()

# Snapshots of one moment are skipped one by one; there are two or three of them, not thousands.
MOST_SKIPPED = 10_000
Position = tuple[datetime, Annotated[int, msgspec.Meta(ge=0, le=MOST_SKIPPED)]]


def snapshots_blueprint(reading: Reading) -> Blueprint:
    """Make the two routes."""
    blueprint = Blueprint("snapshots", __name__)

    @blueprint.get("/api/snapshots")
    async def snapshots() -> Response:
        reading.admit(request)
        wanted = _wanted(load_parameters(request, QUERY))
        async with reading.store.operation() as database:
            found, following = await list_snapshots(database, wanted)
        return answer({"success": True, "data": found, "next": following and write_cursor(following)})

    @blueprint.get("/api/snapshots/<snapshot_id>")
    async def snapshot(snapshot_id: str) -> Response:
        reading.admit(request)
        async with reading.store.operation() as database:
            found = await find_snapshot(database, snapshot_id)
        if found is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such snapshot; they are deleted after retention_days")
        return answer({"success": True, "data": found})

    return blueprint


def _wanted(parameters: dict[str, Any]) -> Wanted:
    cursor = parameters.pop("cursor")
    if cursor is None:
        return Wanted(**parameters)
    moment, skip = read_cursor(cursor, Position)
    return Wanted(**parameters, at=utc(moment), skip=skip)
