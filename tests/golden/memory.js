db.snapshots.aggregate([
  {
    $match: {
      system: "laravel_app",
      timestamp: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $group: {
      _id: { $dateTrunc: { date: "$timestamp", unit: "minute" } },
      snapshots: { $sum: 1 },
      last: {
        $max: {
          $cond: [
            { $gt: ["$server_info.memory_usage", null] },
            { at: "$timestamp", bytes: "$server_info.memory_usage" },
            null
          ]
        }
      },
      max: { $max: "$server_info.memory_usage" },
      peak: { $max: "$server_info.peak_memory" }
    }
  },
  {
    $project: {
      _id: 0,
      minute: "$_id",
      snapshots: 1,
      memory_bytes: { last: { $ifNull: ["$last.bytes", null] }, max: "$max", peak: "$peak" }
    }
  }
])
