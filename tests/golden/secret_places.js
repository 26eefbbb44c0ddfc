db.snapshots.aggregate([
  {
    $match: {
      timestamp: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  { $project: { _id: 0, system: 1, timestamp: 1, place: "$receipt.redacted" } },
  { $unwind: "$place" },
  {
    $group: {
      _id: { system: "$system", path: "$place.path" },
      snapshots: { $sum: 1 },
      most_in_one: { $max: "$place.count" },
      last_seen: { $max: "$timestamp" }
    }
  },
  {
    $project: { _id: 0, system: "$_id.system", path: "$_id.path", snapshots: 1, most_in_one: 1, last_seen: 1 }
  },
  { $sort: { snapshots: -1, system: 1, path: 1 } }
])
