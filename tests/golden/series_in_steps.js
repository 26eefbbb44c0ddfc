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
      requests_telescope_counted: {
        $avg: {
          $cond: [
            { $gt: ["$telescope", null] },
            { $ifNull: ["$telescope.types.request.counted", 0] },
            null
          ]
        }
      },
      requests_telescope_average: {
        $avg: {
          $cond: [
            { $gt: ["$telescope", null] },
            { $ifNull: ["$telescope.types.request.average", 0] },
            null
          ]
        }
      },
      requests_telescope_complete: { $min: { $cond: [{ $gt: ["$telescope", null] }, "$telescope.complete", null] } },
      exceptions_telescope_counted: {
        $avg: {
          $cond: [
            { $gt: ["$telescope", null] },
            { $ifNull: ["$telescope.types.exception.counted", 0] },
            null
          ]
        }
      },
      exceptions_telescope_average: {
        $avg: {
          $cond: [
            { $gt: ["$telescope", null] },
            { $ifNull: ["$telescope.types.exception.average", 0] },
            null
          ]
        }
      },
      exceptions_telescope_complete: { $min: { $cond: [{ $gt: ["$telescope", null] }, "$telescope.complete", null] } },
      exceptions_pulse_counted: {
        $avg: {
          $cond: [{ $gt: ["$pulse", null] }, { $ifNull: ["$pulse.types.exception.counted", 0] }, null]
        }
      },
      exceptions_pulse_average: {
        $avg: {
          $cond: [{ $gt: ["$pulse", null] }, { $ifNull: ["$pulse.types.exception.average", 0] }, null]
        }
      },
      exceptions_pulse_complete: { $min: { $cond: [{ $gt: ["$pulse", null] }, "$pulse.complete", null] } },
      queries_telescope_counted: {
        $avg: {
          $cond: [{ $gt: ["$telescope", null] }, { $ifNull: ["$telescope.types.query.counted", 0] }, null]
        }
      },
      queries_telescope_average: {
        $avg: {
          $cond: [{ $gt: ["$telescope", null] }, { $ifNull: ["$telescope.types.query.average", 0] }, null]
        }
      },
      queries_telescope_complete: { $min: { $cond: [{ $gt: ["$telescope", null] }, "$telescope.complete", null] } },
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
        requests_per_minute: {
          $max: [
            {
              $cond: [
                "$requests_telescope_complete",
                "$requests_telescope_counted",
                "$requests_telescope_average"
              ]
            }
          ]
        },
        exceptions_per_minute: {
          $max: [
            {
              $cond: [
                "$exceptions_telescope_complete",
                "$exceptions_telescope_counted",
                "$exceptions_telescope_average"
              ]
            },
            {
              $cond: [
                "$exceptions_pulse_complete",
                "$exceptions_pulse_counted",
                "$exceptions_pulse_average"
              ]
            }
          ]
        },
        queries_per_minute: {
          $max: [
            {
              $cond: [
                "$queries_telescope_complete",
                "$queries_telescope_counted",
                "$queries_telescope_average"
              ]
            }
          ]
        }
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
