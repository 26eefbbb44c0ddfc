"""What one would write first: Quart, nested marshmallow schemas, ``insert_one``. The benchmarks compare with it.

``python -m tests.benchmarks.straightforward URI DATABASE PORT``
"""

import asyncio
import sys
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from marshmallow import INCLUDE, Schema, ValidationError, fields
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from quart import Quart, request
from quart.typing import ResponseReturnValue


class Entry(Schema):
    """One row."""

    class Meta:
        """Unknown fields pass."""

        unknown = INCLUDE

    type = fields.String(allow_none=True)
    created_at = fields.String(allow_none=True)
    batch_id = fields.String(allow_none=True)
    content = fields.Raw(allow_none=True)


class Section(Schema):
    """Telescope or Pulse."""

    total_entries = fields.Integer(required=True)
    recent_entries = fields.Integer(required=True)
    entry_types = fields.Dict(keys=fields.String(), values=fields.Integer())
    recent_entries_data = fields.List(fields.Nested(Entry))


class Snapshot(Schema):
    """One post."""

    timestamp = fields.AwareDateTime(required=True)
    system = fields.String(required=True)
    telescope = fields.Nested(Section, required=True)
    pulse = fields.Nested(Section, required=True)
    server_info = fields.Dict(required=True)


def create_app(uri: str, database: str) -> Quart:
    """Make the application."""
    app = Quart(__name__)
    schema = Snapshot()
    durable = WriteConcern(w="majority", j=True)

    @app.before_serving
    async def connect() -> None:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
        app.config["SNAPSHOTS"] = client[database].get_collection("snapshots", write_concern=durable)

    @app.post("/api/monitoring")
    async def receive() -> ResponseReturnValue:
        try:
            snapshot: dict[str, Any] = schema.load(await request.get_json())
        except ValidationError as error:
            return {"success": False, "errors": error.messages}, 400
        await app.config["SNAPSHOTS"].insert_one(snapshot)
        return {"success": True, "message": "Data received successfully"}

    return app


if __name__ == "__main__":
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[3]}"]
    asyncio.run(serve(create_app(sys.argv[1], sys.argv[2]), config))
