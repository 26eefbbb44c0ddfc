db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "request",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      duration_ms: { $gte: 0 }
    }
  },
  {
    $group: {
      _id: {
        method: "$method",
        endpoint: { $cond: [{ $eq: [{ $ifNull: ["$action", "Closure"] }, "Closure"] }, "$path", "$action"] }
      },
      durations: { $push: "$duration_ms" }
    }
  },
  { $set: { durations: { $sortArray: { input: "$durations", sortBy: 1 } } } },
  {
    $project: {
      _id: 0,
      method: "$_id.method",
      endpoint: "$_id.endpoint",
      requests: { $size: "$durations" },
      avg_ms: { $avg: "$durations" },
      p95_ms: {
        $arrayElemAt: [
          "$durations",
          { $toInt: { $subtract: [{ $ceil: { $multiply: [{ $size: "$durations" }, 0.95] } }, 1] } }
        ]
      },
      max_ms: { $last: "$durations" }
    }
  },
  { $sort: { p95_ms: -1, endpoint: 1, method: 1 } },
  { $limit: 20 }
])
