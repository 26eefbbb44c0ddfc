db.rates.aggregate([
  {
    $match: {
      system: "laravel_app",
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $project: {
      figure: [
        {
          name: "requests_per_minute",
          evenly: {
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
          },
          most: "$headline.requests_per_minute"
        },
        {
          name: "exceptions_per_minute",
          evenly: {
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
          },
          most: "$headline.exceptions_per_minute"
        },
        {
          name: "queries_per_minute",
          evenly: {
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
          },
          most: "$headline.queries_per_minute"
        }
      ]
    }
  },
  { $unwind: "$figure" },
  {
    $group: {
      _id: "$figure.name",
      mean: { $avg: "$figure.evenly" },
      max: { $max: "$figure.most" },
      minutes: { $sum: { $cond: [{ $gt: ["$figure.most", null] }, 1, 0] } }
    }
  },
  { $project: { _id: 0, figure: "$_id", mean: 1, max: 1, minutes: 1, is_now: { $literal: true } } },
  {
    $unionWith: {
      coll: "rates",
      pipeline: [
        {
          $match: {
            system: "laravel_app",
            minute: { $gte: ISODate("2026-01-08T12:00:00.000Z"), $lt: ISODate("2026-01-08T13:00:00.000Z") }
          }
        },
        {
          $project: {
            figure: [
              {
                name: "requests_per_minute",
                evenly: {
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
                },
                most: "$headline.requests_per_minute"
              },
              {
                name: "exceptions_per_minute",
                evenly: {
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
                },
                most: "$headline.exceptions_per_minute"
              },
              {
                name: "queries_per_minute",
                evenly: {
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
                },
                most: "$headline.queries_per_minute"
              }
            ]
          }
        },
        { $unwind: "$figure" },
        {
          $group: {
            _id: "$figure.name",
            mean: { $avg: "$figure.evenly" },
            max: { $max: "$figure.most" },
            minutes: { $sum: { $cond: [{ $gt: ["$figure.most", null] }, 1, 0] } }
          }
        },
        {
          $project: { _id: 0, figure: "$_id", mean: 1, max: 1, minutes: 1, is_now: { $literal: false } }
        }
      ]
    }
  },
  {
    $group: {
      _id: "$figure",
      mean: { $max: { $cond: ["$is_now", "$mean", null] } },
      max: { $max: { $cond: ["$is_now", "$max", null] } },
      minutes: { $sum: { $cond: ["$is_now", "$minutes", 0] } },
      mean_before: { $max: { $cond: ["$is_now", null, "$mean"] } },
      max_before: { $max: { $cond: ["$is_now", null, "$max"] } },
      minutes_before: { $sum: { $cond: ["$is_now", 0, "$minutes"] } }
    }
  },
  {
    $project: {
      _id: 0,
      figure: "$_id",
      mean: 1,
      max: 1,
      minutes: 1,
      mean_before: 1,
      max_before: 1,
      minutes_before: 1,
      change: {
        $cond: [
          { $gt: ["$mean_before", 0] },
          { $divide: [{ $subtract: ["$mean", "$mean_before"] }, "$mean_before"] },
          null
        ]
      }
    }
  },
  { $sort: { figure: 1 } }
])
