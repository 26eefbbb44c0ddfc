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
            exceptions_per_minute: {
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
            total_ms: { $sum: { $multiply: ["$response_time_ms.avg", "$response_time_ms.count"] } },
            requests: { $sum: "$response_time_ms.count" }
          }
        },
        {
          $project: {
            _id: 0,
            exceptions_per_minute: 1,
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
            exceptions_per_minute: {
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
            total_ms: { $sum: { $multiply: ["$response_time_ms.avg", "$response_time_ms.count"] } },
            requests: { $sum: "$response_time_ms.count" }
          }
        },
        {
          $project: {
            _id: 0,
            exceptions_per_minute: 1,
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
