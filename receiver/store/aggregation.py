"""Running a pipeline: named in the server's log, and bounded."""

from typing import Any

import pymongo
from pymongo.errors import ExecutionTimeout, NetworkTimeout

from receiver.errors import TooSlow
from receiver.pipelines.stages import Pipeline
from receiver.store.layout import Database

# Beyond that the server gives up by itself (maxTimeMS). Less than an operation may take: one that is heavy must not
# pass for a server that is away.
MOST_SECONDS = 3.0
# In one round trip, as far as 16 MB go: what a pipeline yields is wanted as a whole.
ALL = 100_000


async def run_pipeline(
    database: Database, collection: str, pipeline: Pipeline, name: str, seconds: float = MOST_SECONDS
) -> list[dict[str, Any]]:
    """Run a pipeline and return all that it yields.

    Args:
        database: where.
        collection: that it reads.
        pipeline: its stages.
        name: that shows in the server's log and profile.
        seconds: how long it may take, unless the operation it is part of ends before.

    Raises:
        TooSlow: longer than that; MongoDB itself is well.
        PyMongoError: it is not.
    """
    try:
        with pymongo.timeout(seconds):
            cursor = database[collection].aggregate(pipeline, comment=f"receiver {name}", batchSize=ALL)
            documents: list[dict[str, Any]] = await cursor.to_list(None)
    except (ExecutionTimeout, NetworkTimeout):
        await database.command("ping")  # raises if it was not the pipeline but the server that did not answer
        raise TooSlow(f"MongoDB takes too long for {name}") from None
    return documents
