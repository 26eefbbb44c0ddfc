db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "job",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $group: {
      _id: { job: "$name", queue: "$queue" },
      failed: { $sum: { $cond: [{ $eq: ["$status", "failed"] }, 1, 0] } },
      jobs: { $sum: 1 },
      last_failed_at: { $max: { $cond: [{ $eq: ["$status", "failed"] }, "$created_at", null] } }
    }
  },
  { $match: { failed: { $gt: 0 } } },
  {
    $project: { _id: 0, job: "$_id.job", queue: "$_id.queue", failed: 1, jobs: 1, last_failed_at: 1 }
  },
  { $sort: { failed: -1, job: 1, queue: 1 } },
  { $limit: 20 }
])
