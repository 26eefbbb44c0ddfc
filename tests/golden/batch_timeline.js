db.entries.aggregate([
  { $match: { batch_id: "9fe0d14c-d6ab-4d5e-a4ff-f8e866958500" } },
  { $sort: { created_at: 1, type: 1, _id: 1 } },
  { $unset: ["_id", "system", "batch_id", "snapshot_id", "received_at", "observed_at"] }
])
