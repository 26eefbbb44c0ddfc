db.rates.aggregate([
  {
    $match: {
      system: "laravel_app",
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      snapshots: { $gt: 0 }
    }
  },
  {
    $group: {
      _id: { $dateTrunc: { date: "$minute", unit: "hour" } },
      snapshots: { $sum: "$snapshots" },
      avg_bytes: { $avg: "$memory_bytes.last" },
      max_bytes: { $max: "$memory_bytes.max" },
      peak_bytes: { $max: "$memory_bytes.peak" }
    }
  },
  { $project: { _id: 0, hour: "$_id", snapshots: 1, avg_bytes: 1, max_bytes: 1, peak_bytes: 1 } },
  { $sort: { hour: 1 } }
])
