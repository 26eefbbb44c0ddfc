db.rates.aggregate([
  {
    $match: {
      system: "laravel_app",
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $group: {
      _id: null,
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
      max_requests: { $max: "$headline.requests_per_minute" },
      minutes_requests: { $sum: { $cond: [{ $gt: ["$headline.requests_per_minute", null] }, 1, 0] } },
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
      max_exceptions: { $max: "$headline.exceptions_per_minute" },
      minutes_exceptions: { $sum: { $cond: [{ $gt: ["$headline.exceptions_per_minute", null] }, 1, 0] } },
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
      max_queries: { $max: "$headline.queries_per_minute" },
      minutes_queries: { $sum: { $cond: [{ $gt: ["$headline.queries_per_minute", null] }, 1, 0] } }
    }
  },
  {
    $project: {
      figure: [
        {
          figure: "requests_per_minute",
          mean: {
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
          max: "$max_requests",
          minutes: "$minutes_requests",
          is_now: { $literal: true }
        },
        {
          figure: "exceptions_per_minute",
          mean: {
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
          max: "$max_exceptions",
          minutes: "$minutes_exceptions",
          is_now: { $literal: true }
        },
        {
          figure: "queries_per_minute",
          mean: {
            $max: [
              {
                $cond: [
                  "$queries_telescope_complete",
                  "$queries_telescope_counted",
                  "$queries_telescope_average"
                ]
              }
            ]
          },
          max: "$max_queries",
          minutes: "$minutes_queries",
          is_now: { $literal: true }
        }
      ]
    }
  },
  { $unwind: "$figure" },
  { $replaceWith: "$figure" },
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
          $group: {
            _id: null,
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
            max_requests: { $max: "$headline.requests_per_minute" },
            minutes_requests: { $sum: { $cond: [{ $gt: ["$headline.requests_per_minute", null] }, 1, 0] } },
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
            max_exceptions: { $max: "$headline.exceptions_per_minute" },
            minutes_exceptions: { $sum: { $cond: [{ $gt: ["$headline.exceptions_per_minute", null] }, 1, 0] } },
            queries_telescope_counted: {
              $avg: {
                $cond: [
                  { $gt: ["$telescope", null] },
                  { $ifNull: ["$telescope.types.query.counted", 0] },
                  null
                ]
              }
            },
            queries_telescope_average: {
              $avg: {
                $cond: [
                  { $gt: ["$telescope", null] },
                  { $ifNull: ["$telescope.types.query.average", 0] },
                  null
                ]
              }
            },
            queries_telescope_complete: { $min: { $cond: [{ $gt: ["$telescope", null] }, "$telescope.complete", null] } },
            max_queries: { $max: "$headline.queries_per_minute" },
            minutes_queries: { $sum: { $cond: [{ $gt: ["$headline.queries_per_minute", null] }, 1, 0] } }
          }
        },
        {
          $project: {
            figure: [
              {
                figure: "requests_per_minute",
                mean: {
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
                max: "$max_requests",
                minutes: "$minutes_requests",
                is_now: { $literal: false }
              },
              {
                figure: "exceptions_per_minute",
                mean: {
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
                max: "$max_exceptions",
                minutes: "$minutes_exceptions",
                is_now: { $literal: false }
              },
              {
                figure: "queries_per_minute",
                mean: {
                  $max: [
                    {
                      $cond: [
                        "$queries_telescope_complete",
                        "$queries_telescope_counted",
                        "$queries_telescope_average"
                      ]
                    }
                  ]
                },
                max: "$max_queries",
                minutes: "$minutes_queries",
                is_now: { $literal: false }
              }
            ]
          }
        },
        { $unwind: "$figure" },
        { $replaceWith: "$figure" }
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
