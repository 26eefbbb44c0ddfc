db.rates.aggregate([
  {
    $match: {
      system: "laravel_app",
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  { $sort: { minute: 1 } },
  {
    $group: {
      _id: { $dateTrunc: { date: "$minute", unit: "minute", binSize: 60 } },
      minutes: { $sum: 1 },
      snapshots: { $sum: "$snapshots" },
      mean_requests: {
        $avg: {
          $max: [
            {
              $cond: [
                { $gt: ["$telescope", null] },
                {
                  $cond: [
                    "$telescope.complete",
                    { $toDouble: { $ifNull: ["$telescope.types.request.counted", 0] } },
                    { $ifNull: ["$telescope.types.request.average", Double(0)] }
                  ]
                },
                null
              ]
            }
          ]
        }
      },
      mean_exceptions: {
        $avg: {
          $max: [
            {
              $cond: [
                { $gt: ["$telescope", null] },
                {
                  $cond: [
                    "$telescope.complete",
                    { $toDouble: { $ifNull: ["$telescope.types.exception.counted", 0] } },
                    { $ifNull: ["$telescope.types.exception.average", Double(0)] }
                  ]
                },
                null
              ]
            },
            {
              $cond: [
                { $gt: ["$pulse", null] },
                {
                  $cond: [
                    "$pulse.complete",
                    { $toDouble: { $ifNull: ["$pulse.types.exception.counted", 0] } },
                    { $ifNull: ["$pulse.types.exception.average", Double(0)] }
                  ]
                },
                null
              ]
            }
          ]
        }
      },
      mean_queries: {
        $avg: {
          $max: [
            {
              $cond: [
                { $gt: ["$telescope", null] },
                {
                  $cond: [
                    "$telescope.complete",
                    { $toDouble: { $ifNull: ["$telescope.types.query.counted", 0] } },
                    { $ifNull: ["$telescope.types.query.average", Double(0)] }
                  ]
                },
                null
              ]
            }
          ]
        }
      },
      peak_requests: { $max: "$headline.requests_per_minute" },
      peak_exceptions: { $max: "$headline.exceptions_per_minute" },
      peak_queries: { $max: "$headline.queries_per_minute" },
      basis_requests: { $addToSet: "$headline.basis.requests" },
      basis_exceptions: { $addToSet: "$headline.basis.exceptions" },
      basis_queries: { $addToSet: "$headline.basis.queries" },
      telescope: { $sum: { $cond: ["$telescope.complete", 1, 0] } },
      pulse: { $sum: { $cond: ["$pulse.complete", 1, 0] } },
      requests: { $sum: "$response_time_ms.count" },
      milliseconds: { $sum: { $multiply: ["$response_time_ms.avg", "$response_time_ms.count"] } },
      p95: { $max: "$response_time_ms.p95" },
      max: { $max: "$response_time_ms.max" },
      last: {
        $max: {
          $cond: [
            { $gt: ["$memory_bytes.last", null] },
            { at: "$minute", bytes: "$memory_bytes.last" },
            null
          ]
        }
      },
      most: { $max: "$memory_bytes.max" },
      peak: { $max: "$memory_bytes.peak" }
    }
  },
  {
    $project: {
      _id: 0,
      minute: "$_id",
      minutes: 1,
      snapshots: 1,
      headline: {
        requests_per_minute: "$mean_requests",
        exceptions_per_minute: "$mean_exceptions",
        queries_per_minute: "$mean_queries"
      },
      peak: {
        requests_per_minute: "$peak_requests",
        exceptions_per_minute: "$peak_exceptions",
        queries_per_minute: "$peak_queries"
      },
      basis: {
        requests: { $sortArray: { input: { $setDifference: ["$basis_requests", [null]] }, sortBy: 1 } },
        exceptions: { $sortArray: { input: { $setDifference: ["$basis_exceptions", [null]] }, sortBy: 1 } },
        queries: { $sortArray: { input: { $setDifference: ["$basis_queries", [null]] }, sortBy: 1 } }
      },
      complete: { telescope: "$telescope", pulse: "$pulse" },
      response_time_ms: {
        count: "$requests",
        avg: { $cond: [{ $gt: ["$requests", 0] }, { $divide: ["$milliseconds", "$requests"] }, null] },
        p95: "$p95",
        max: "$max"
      },
      memory_bytes: { last: { $ifNull: ["$last.bytes", null] }, max: "$most", peak: "$peak" }
    }
  },
  { $sort: { minute: 1 } }
])
