db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "client_request",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $group: {
      _id: "$host",
      requests: { $sum: 1 },
      failures: {
        $sum: { $cond: [{ $or: [{ $gte: ["$status", 500] }, { $lte: ["$status", null] }] }, 1, 0] }
      },
      durations: { $push: "$duration_ms" }
    }
  },
  { $set: { durations: { $sortArray: { input: "$durations", sortBy: 1 } } } },
  {
    $project: {
      _id: 0,
      host: "$_id",
      requests: 1,
      failures: 1,
      p95_ms: {
        $cond: [
          { $eq: ["$durations", []] },
          null,
          {
            $arrayElemAt: [
              "$durations",
              {
                $toInt: { $subtract: [{ $ceil: { $multiply: [{ $size: "$durations" }, 0.95] } }, 1] }
              }
            ]
          }
        ]
      },
      max_ms: { $ifNull: [{ $last: "$durations" }, null] }
    }
  },
  { $sort: { p95_ms: -1, failures: -1, host: 1 } },
  { $limit: 20 }
])
