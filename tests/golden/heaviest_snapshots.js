db.snapshots.aggregate([
  {
    $match: {
      timestamp: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $project: {
      _id: 0,
      snapshot_id: "$_id",
      system: 1,
      timestamp: 1,
      bytes: "$receipt.bytes",
      trimmed: "$receipt.trimmed"
    }
  },
  { $sort: { bytes: -1, snapshot_id: 1 } },
  { $limit: 20 }
])
