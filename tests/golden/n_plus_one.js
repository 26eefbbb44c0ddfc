db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "query",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      batch_id: { $type: "string" },
      sql_hash: { $type: "string" }
    }
  },
  {
    $group: {
      _id: { batch_id: "$batch_id", sql_hash: "$sql_hash" },
      queries: { $sum: 1 },
      total_ms: { $sum: "$duration_ms" },
      sample: { $max: { sql: "$sql", file: "$file", line: "$line" } }
    }
  },
  { $match: { queries: { $gte: 5 } } },
  {
    $group: {
      _id: "$_id.sql_hash",
      batches: { $sum: 1 },
      queries: { $sum: "$queries" },
      total_ms: { $sum: "$total_ms" },
      worst: { $max: { queries: "$queries", batch_id: "$_id.batch_id", sample: "$sample" } }
    }
  },
  {
    $project: {
      _id: 0,
      sql_hash: "$_id",
      batches: 1,
      most_in_one_batch: "$worst.queries",
      queries: 1,
      total_ms: 1,
      sql: "$worst.sample.sql",
      file: "$worst.sample.file",
      line: "$worst.sample.line",
      batch_id: "$worst.batch_id"
    }
  },
  { $sort: { queries: -1, sql_hash: 1 } },
  { $limit: 20 }
])
