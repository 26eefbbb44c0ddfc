db.snapshots.aggregate([
  {
    $match: {
      system: "laravel_app",
      timestamp: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  { $project: { _id: 0, timestamp: 1 } },
  {
    $unionWith: {
      coll: "snapshots",
      pipeline: [
        {
          $match: { system: "laravel_app", timestamp: { $lt: ISODate("2026-01-15T12:00:00.000Z") } }
        },
        { $sort: { timestamp: -1 } },
        { $limit: 1 },
        { $project: { _id: 0, timestamp: 1 } }
      ]
    }
  },
  {
    $setWindowFields: { sortBy: { timestamp: 1 }, output: { from: { $shift: { output: "$timestamp", by: -1 } } } }
  },
  {
    $project: {
      from: 1,
      to: "$timestamp",
      minutes: { $divide: [{ $subtract: ["$timestamp", "$from"] }, 60000] }
    }
  },
  { $match: { minutes: { $gt: 5 } } },
  { $sort: { from: 1 } }
])
