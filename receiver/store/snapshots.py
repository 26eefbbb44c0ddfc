"""The ``snapshots`` collection."""

from pymongo.errors import DuplicateKeyError

from receiver.store.encoding import EncodedDocument
from receiver.store.layout import SNAPSHOTS, Database


async def insert_snapshot(database: Database, snapshot: EncodedDocument) -> bool:
    """Store a snapshot for good: it is durable on return.

    Args:
        snapshot: encoded; its ``_id`` is the digest of the body it came from.

    Returns:
        False when the same snapshot was there already. Then its durability is that of the insertion which is perhaps
        still under way: a durable write must follow before it is acknowledged.
    """
    try:
        await database[SNAPSHOTS].insert_one(snapshot)
    except DuplicateKeyError:
        return False
    return True
