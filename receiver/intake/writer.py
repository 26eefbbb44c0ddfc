"""The last step of a snapshot: into MongoDB, for good."""

from receiver.intake.document import Snapshot
from receiver.store.connection import Store
from receiver.store.snapshots import insert_snapshot
from receiver.store.systems import replace_system


async def write_snapshot(store: Store, snapshot: Snapshot) -> bool:
    """Store a snapshot and bring its system up to date; both are durable on return.

    The system's document is written for a re-send too: the first try may have died between the two writes, and the
    snapshot it left may still be on its way to the journal, which a durable write behind it brings there.

    Returns:
        False when the snapshot was stored already.

    Raises:
        StoreUnavailable: MongoDB is away; the snapshot may be stored all the same, and a re-send finds out.
    """
    async with store.operation() as database:
        inserted = await insert_snapshot(database, snapshot.encoded)
        await replace_system(database, snapshot.sighting)
    return inserted
