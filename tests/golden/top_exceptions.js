db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "exception",
      created_at: { $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $group: {
      _id: "$class",
      times: { $sum: { $cond: [{ $gte: ["$created_at", ISODate("2026-01-15T12:00:00.000Z")] }, 1, 0] } },
      first_seen: { $min: "$created_at" },
      latest: { $max: { at: "$created_at", message: "$message" } }
    }
  },
  { $match: { times: { $gt: 0 } } },
  {
    $project: {
      _id: 0,
      class: "$_id",
      times: 1,
      first_seen: 1,
      last_seen: "$latest.at",
      message: "$latest.message"
    }
  },
  { $sort: { times: -1, class: 1 } },
  { $limit: 20 }
])
