db.rates.aggregate([
  {
    $match: {
      system: "laravel_app",
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  { $sort: { minute: 1 } },
  {
    $project: {
      _id: 0,
      minute: 1,
      snapshots: 1,
      headline: 1,
      response_time_ms: 1,
      memory_bytes: 1,
      "telescope.complete": 1,
      "pulse.complete": 1
    }
  }
])
