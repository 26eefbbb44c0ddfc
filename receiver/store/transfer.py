"""Documents by the thousand, out of a collection and into one, never more than a few at a time in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import BulkWriteError

from receiver.pipelines.stages import ENTRIES, RATES, RATES_BY_TYPE, SNAPSHOTS
from receiver.pipelines.views import rates_by_type
from receiver.store.encoding import EncodedDocument, plain
from receiver.store.entries import DUPLICATE_KEY
from receiver.store.layout import Database

ALERTS = "alerts"

# What can be exported → the moment that a span is about.
EXPORTED = {
    SNAPSHOTS: "timestamp",
    ENTRIES: "created_at",
    RATES: "minute",
    ALERTS: "started_at",
    RATES_BY_TYPE: "minute",
}
IMPORTED = (SNAPSHOTS, ENTRIES, RATES, ALERTS)
BATCH = 100  # of 50 KB each


class Refused(Exception):  # noqa: N818 - it reads as what it is
    """The server refuses a document.

    Args:
        number: which of them, from 0.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"document {number}")
        self.number = number


@dataclass(frozen=True)
class Portion:
    """Which documents.

    Args:
        kind: of :data:`EXPORTED`.
        system: only of this one.
        start, end: UTC; start included, end excluded.
    """

    kind: str
    system: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def filter(self) -> dict[str, Any]:
        """Return what MongoDB is asked for."""
        bounds = {"$gte": self.start, "$lt": self.end}
        span = {operator: moment for operator, moment in bounds.items() if moment is not None}
        system = {} if self.system is None else {"system": self.system}
        return {**system, **({EXPORTED[self.kind]: span} if span else {})}


async def count_wanted(database: Database, wanted: Portion) -> int:
    """Count them; an estimate where all are wanted."""
    found = wanted.filter()
    if found or wanted.kind == RATES_BY_TYPE:
        return int(await database[wanted.kind].count_documents(found))
    return int(await database[wanted.kind].estimated_document_count())


async def stream(database: Database, wanted: Portion) -> AsyncIterator[dict[str, Any]]:
    """Yield them: snapshots and rates oldest first, by an index; others in the order in which they are stored."""
    collection, stages = wanted.kind, [{"$match": wanted.filter()}]
    if wanted.kind in (SNAPSHOTS, RATES, RATES_BY_TYPE):
        stages.append({"$sort": {EXPORTED[wanted.kind]: 1}})
    if wanted.kind == RATES_BY_TYPE:  # the view has no order of its own, its collection has
        collection = RATES
        stages += rates_by_type()
    async for document in database[collection].aggregate(stages, batchSize=BATCH, allowDiskUse=True):
        yield plain(document)


async def insert_missing(database: Database, kind: str, documents: Sequence[EncodedDocument]) -> int:
    """Insert documents whose ``_id`` is not there yet.

    Returns:
        How many were inserted.

    Raises:
        Refused: the collection's validator refuses one; those before and after it may be stored.
    """
    try:
        await database[kind].insert_many(documents, ordered=False)
    except BulkWriteError as error:
        for fault in error.details["writeErrors"]:
            if fault["code"] != DUPLICATE_KEY:
                raise Refused(fault["index"]) from None
        return int(error.details["nInserted"])
    return len(documents)
