db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "request",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      status: { $gte: 0 }
    }
  },
  {
    $group: {
      _id: {
        method: "$method",
        endpoint: { $cond: [{ $eq: [{ $ifNull: ["$action", "Closure"] }, "Closure"] }, "$path", "$action"] }
      },
      requests: { $sum: 1 },
      errors: { $sum: { $cond: [{ $gte: ["$status", 500] }, 1, 0] } }
    }
  },
  {
    $project: {
      _id: 0,
      method: "$_id.method",
      endpoint: "$_id.endpoint",
      requests: 1,
      errors: 1,
      error_share: { $divide: ["$errors", "$requests"] }
    }
  },
  { $sort: { error_share: -1, errors: -1, requests: -1, endpoint: 1, method: 1 } },
  { $limit: 20 }
])
