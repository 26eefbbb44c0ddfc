"""The ``progress`` collection: how far work has got that is done after a snapshot was stored."""

from datetime import datetime

from receiver.pipelines.stages import PROGRESS
from receiver.store.layout import Database

ROLLED_UP = "rolled_up"


async def find_progress(database: Database) -> datetime | None:
    """Find up to when all that was received has been rolled up; None where that is not known."""
    found = await database[PROGRESS].find_one({"_id": ROLLED_UP})
    return found["received_at"] if found else None


async def replace_progress(database: Database, received_at: datetime) -> None:
    """Note that all that was received before a moment has been rolled up."""
    await database[PROGRESS].update_one({"_id": ROLLED_UP}, {"$set": {"received_at": received_at}}, upsert=True)
