db.rates.aggregate([
  {
    $match: {
      system: "laravel_app",
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      pulse: { $type: "object" }
    }
  },
  {
    $group: {
      _id: { $dateTrunc: { date: "$minute", unit: "hour" } },
      minutes: { $sum: 1 },
      hits: { $sum: "$pulse.types.cache_hit.average" },
      misses: { $sum: "$pulse.types.cache_miss.average" }
    }
  },
  {
    $project: {
      _id: 0,
      hour: "$_id",
      minutes: 1,
      hits_per_minute: { $divide: ["$hits", "$minutes"] },
      misses_per_minute: { $divide: ["$misses", "$minutes"] },
      hit_ratio: {
        $cond: [
          { $gt: [{ $add: ["$hits", "$misses"] }, 0] },
          { $divide: ["$hits", { $add: ["$hits", "$misses"] }] },
          null
        ]
      }
    }
  },
  { $sort: { hour: 1 } }
])
