db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: { $in: ["telescope", "pulse"] },
      type: { $in: ["request", "user_request"] },
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      user_id: { $type: "string" }
    }
  },
  {
    $group: {
      _id: "$user_id",
      telescope: { $sum: { $cond: [{ $eq: ["$source", "telescope"] }, 1, 0] } },
      pulse: { $sum: { $cond: [{ $eq: ["$source", "pulse"] }, 1, 0] } },
      last_seen: { $max: "$created_at" }
    }
  },
  {
    $project: {
      _id: 0,
      user_id: "$_id",
      requests: { $max: ["$telescope", "$pulse"] },
      telescope: 1,
      pulse: 1,
      last_seen: 1
    }
  },
  { $sort: { requests: -1, user_id: 1 } },
  { $limit: 20 }
])
