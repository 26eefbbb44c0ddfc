db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "query",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      duration_ms: { $gte: 0 }
    }
  },
  {
    $group: {
      _id: "$sql_hash",
      times: { $sum: 1 },
      total_ms: { $sum: "$duration_ms" },
      avg_ms: { $avg: "$duration_ms" },
      slowest: { $max: { ms: "$duration_ms", sql: "$sql", file: "$file", line: "$line" } }
    }
  },
  {
    $project: {
      _id: 0,
      sql_hash: "$_id",
      times: 1,
      total_ms: 1,
      avg_ms: 1,
      max_ms: "$slowest.ms",
      sql: "$slowest.sql",
      file: "$slowest.file",
      line: "$slowest.line"
    }
  },
  { $sort: { total_ms: -1, sql_hash: 1 } },
  { $limit: 20 }
])
