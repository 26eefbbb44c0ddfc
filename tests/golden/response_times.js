db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: { $in: ["telescope", "pulse"] },
      type: { $in: ["request", "slow_request"] },
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      duration_ms: { $gte: 0 }
    }
  },
  {
    $group: {
      _id: { $dateTrunc: { date: "$created_at", unit: "minute" } },
      sampled: { $push: { $cond: [{ $eq: ["$source", "telescope"] }, "$duration_ms", "$$REMOVE"] } },
      max: { $max: "$duration_ms" }
    }
  },
  { $set: { sampled: { $sortArray: { input: "$sampled", sortBy: 1 } } } },
  {
    $project: {
      _id: 0,
      minute: "$_id",
      response_time_ms: {
        count: { $size: "$sampled" },
        avg: { $avg: "$sampled" },
        p95: {
          $cond: [
            { $eq: ["$sampled", []] },
            null,
            {
              $arrayElemAt: [
                "$sampled",
                {
                  $toInt: { $subtract: [{ $ceil: { $multiply: [{ $size: "$sampled" }, 0.95] } }, 1] }
                }
              ]
            }
          ]
        },
        max: "$max"
      }
    }
  }
])
