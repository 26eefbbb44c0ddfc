db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "log",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $group: {
      _id: "$level",
      times: { $sum: 1 },
      latest: { $max: { at: "$created_at", message: "$message" } }
    }
  },
  {
    $project: { _id: 0, level: "$_id", times: 1, last_seen: "$latest.at", message: "$latest.message" }
  },
  { $sort: { times: -1, level: 1 } }
])
