db.snapshots.aggregate([
  {
    $match: {
      system: "laravel_app",
      timestamp: { $gte: ISODate("2026-01-15T11:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $project: {
      timestamp: 1,
      php: { $ifNull: ["$server_info.php_version", null] },
      laravel: { $ifNull: ["$server_info.laravel_version", null] }
    }
  },
  { $match: { $or: [{ php: { $ne: null } }, { laravel: { $ne: null } }] } },
  {
    $setWindowFields: {
      sortBy: { timestamp: 1, _id: 1 },
      output: { previous: { $shift: { output: { php: "$php", laravel: "$laravel" }, by: -1 } } }
    }
  },
  {
    $match: {
      timestamp: { $gte: ISODate("2026-01-15T12:00:00.000Z") },
      $expr: {
        $or: [
          {
            $and: [
              { $gt: ["$previous.php", null] },
              { $gt: ["$php", null] },
              { $ne: ["$previous.php", "$php"] }
            ]
          },
          {
            $and: [
              { $gt: ["$previous.laravel", null] },
              { $gt: ["$laravel", null] },
              { $ne: ["$previous.laravel", "$laravel"] }
            ]
          }
        ]
      }
    }
  },
  {
    $lookup: {
      from: "rates",
      let: {
        start: { $subtract: [{ $dateTrunc: { date: "$timestamp", unit: "minute" } }, 3600000] },
        end: { $dateTrunc: { date: "$timestamp", unit: "minute" } }
      },
      pipeline: [
        {
          $match: {
            system: "laravel_app",
            $expr: { $and: [{ $gte: ["$minute", "$$start"] }, { $lt: ["$minute", "$$end"] }] }
          }
        },
        {
          $group: {
            _id: null,
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
                $cond: [
                  { $gt: ["$pulse", null] },
                  { $ifNull: ["$pulse.types.exception.counted", 0] },
                  null
                ]
              }
            },
            exceptions_pulse_average: {
              $avg: {
                $cond: [
                  { $gt: ["$pulse", null] },
                  { $ifNull: ["$pulse.types.exception.average", 0] },
                  null
                ]
              }
            },
            exceptions_pulse_complete: { $min: { $cond: [{ $gt: ["$pulse", null] }, "$pulse.complete", null] } },
            total_ms: { $sum: { $multiply: ["$response_time_ms.avg", "$response_time_ms.count"] } },
            requests: { $sum: "$response_time_ms.count" }
          }
        },
        {
          $project: {
            _id: 0,
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
            response_time_ms: { $cond: [{ $gt: ["$requests", 0] }, { $divide: ["$total_ms", "$requests"] }, null] }
          }
        }
      ],
      as: "before"
    }
  },
  {
    $lookup: {
      from: "rates",
      let: {
        start: { $dateTrunc: { date: "$timestamp", unit: "minute" } },
        end: { $add: [{ $dateTrunc: { date: "$timestamp", unit: "minute" } }, 3600000] }
      },
      pipeline: [
        {
          $match: {
            system: "laravel_app",
            $expr: { $and: [{ $gte: ["$minute", "$$start"] }, { $lt: ["$minute", "$$end"] }] }
          }
        },
        {
          $group: {
            _id: null,
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
                $cond: [
                  { $gt: ["$pulse", null] },
                  { $ifNull: ["$pulse.types.exception.counted", 0] },
                  null
                ]
              }
            },
            exceptions_pulse_average: {
              $avg: {
                $cond: [
                  { $gt: ["$pulse", null] },
                  { $ifNull: ["$pulse.types.exception.average", 0] },
                  null
                ]
              }
            },
            exceptions_pulse_complete: { $min: { $cond: [{ $gt: ["$pulse", null] }, "$pulse.complete", null] } },
            total_ms: { $sum: { $multiply: ["$response_time_ms.avg", "$response_time_ms.count"] } },
            requests: { $sum: "$response_time_ms.count" }
          }
        },
        {
          $project: {
            _id: 0,
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
            response_time_ms: { $cond: [{ $gt: ["$requests", 0] }, { $divide: ["$total_ms", "$requests"] }, null] }
          }
        }
      ],
      as: "after"
    }
  },
  {
    $project: {
      _id: 0,
      at: "$timestamp",
      php: { from: "$previous.php", to: "$php" },
      laravel: { from: "$previous.laravel", to: "$laravel" },
      before: { $ifNull: [{ $first: "$before" }, null] },
      after: { $ifNull: [{ $first: "$after" }, null] }
    }
  },
  { $sort: { at: 1 } }
])
