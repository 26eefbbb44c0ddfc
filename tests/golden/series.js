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
      response_time_ms: 1,
      memory_bytes: 1,
      minutes: { $literal: 1 },
      headline: {
        requests_per_minute: "$headline.requests_per_minute",
        exceptions_per_minute: "$headline.exceptions_per_minute",
        queries_per_minute: "$headline.queries_per_minute"
      },
      peak: {
        requests_per_minute: "$headline.requests_per_minute",
        exceptions_per_minute: "$headline.exceptions_per_minute",
        queries_per_minute: "$headline.queries_per_minute"
      },
      basis: {
        requests: ["$headline.basis.requests"],
        exceptions: ["$headline.basis.exceptions"],
        queries: ["$headline.basis.queries"]
      },
      complete: {
        telescope: { $cond: ["$telescope.complete", 1, 0] },
        pulse: { $cond: ["$pulse.complete", 1, 0] }
      }
    }
  }
])
