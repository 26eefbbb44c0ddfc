db.snapshots.aggregate([
  {
    $match: {
      system: "laravel_app",
      timestamp: { $gte: ISODate("2026-01-15T11:55:00.000Z"), $lt: ISODate("2026-01-15T13:05:00.000Z") }
    }
  },
  {
    $project: {
      _id: 0,
      timestamp: 1,
      received_at: 1,
      sample: [
        {
          source: "telescope",
          counts: {
            $cond: [
              {
                $and: [
                  { $eq: [{ $type: "$telescope.entry_types" }, "object"] },
                  { $lte: ["$telescope.error", null] }
                ]
              },
              {
                $allElementsTrue: [
                  {
                    $map: {
                      input: { $objectToArray: "$telescope.entry_types" },
                      in: { $isNumber: "$$this.v" }
                    }
                  }
                ]
              },
              false
            ]
          },
          complete: {
            $cond: [
              {
                $cond: [
                  {
                    $and: [
                      { $eq: [{ $type: "$telescope.entry_types" }, "object"] },
                      { $lte: ["$telescope.error", null] }
                    ]
                  },
                  {
                    $allElementsTrue: [
                      {
                        $map: {
                          input: { $objectToArray: "$telescope.entry_types" },
                          in: { $isNumber: "$$this.v" }
                        }
                      }
                    ]
                  },
                  false
                ]
              },
              {
                $lte: [
                  {
                    $sum: {
                      $map: { input: { $objectToArray: "$telescope.entry_types" }, in: "$$this.v" }
                    }
                  },
                  { $size: { $ifNull: ["$telescope.recent_entries_data.created_at", []] } }
                ]
              },
              false
            ]
          }
        },
        {
          source: "pulse",
          counts: {
            $cond: [
              {
                $and: [
                  { $eq: [{ $type: "$pulse.entry_types" }, "object"] },
                  { $lte: ["$pulse.error", null] }
                ]
              },
              {
                $allElementsTrue: [
                  {
                    $map: {
                      input: { $objectToArray: "$pulse.entry_types" },
                      in: { $isNumber: "$$this.v" }
                    }
                  }
                ]
              },
              false
            ]
          },
          complete: {
            $cond: [
              {
                $cond: [
                  {
                    $and: [
                      { $eq: [{ $type: "$pulse.entry_types" }, "object"] },
                      { $lte: ["$pulse.error", null] }
                    ]
                  },
                  {
                    $allElementsTrue: [
                      {
                        $map: {
                          input: { $objectToArray: "$pulse.entry_types" },
                          in: { $isNumber: "$$this.v" }
                        }
                      }
                    ]
                  },
                  false
                ]
              },
              {
                $lte: [
                  {
                    $sum: { $map: { input: { $objectToArray: "$pulse.entry_types" }, in: "$$this.v" } }
                  },
                  { $size: { $ifNull: ["$pulse.recent_entries_data.created_at", []] } }
                ]
              },
              false
            ]
          }
        }
      ]
    }
  },
  { $unwind: "$sample" },
  {
    $project: {
      timestamp: 1,
      received_at: 1,
      source: "$sample.source",
      counts: "$sample.counts",
      complete: "$sample.complete"
    }
  },
  { $set: { taken_in: { $dateTrunc: { date: "$timestamp", unit: "minute" } } } },
  {
    $set: {
      step: {
        $range: [
          {
            $max: [
              -5,
              {
                $divide: [{ $subtract: [ISODate("2026-01-15T12:00:00.000Z"), "$taken_in"] }, 60000]
              }
            ]
          },
          {
            $min: [
              6,
              {
                $divide: [{ $subtract: [ISODate("2026-01-15T13:00:00.000Z"), "$taken_in"] }, 60000]
              }
            ]
          }
        ]
      }
    }
  },
  { $unwind: "$step" },
  {
    $group: {
      _id: { minute: { $add: ["$taken_in", { $multiply: ["$step", 60000] }] }, source: "$source" },
      covered: {
        $max: {
          $and: [
            "$counts",
            {
              $or: [
                { $eq: ["$step", 0] },
                {
                  $and: [
                    { $lt: ["$step", 0] },
                    {
                      $gte: [
                        { $add: ["$taken_in", { $multiply: ["$step", 60000] }] },
                        { $subtract: ["$timestamp", 300000] }
                      ]
                    }
                  ]
                }
              ]
            }
          ]
        }
      },
      complete: {
        $max: {
          $and: [
            "$complete",
            {
              $and: [
                { $lt: ["$step", 0] },
                {
                  $gte: [
                    { $add: ["$taken_in", { $multiply: ["$step", 60000] }] },
                    { $subtract: ["$timestamp", 300000] }
                  ]
                }
              ]
            }
          ]
        }
      },
      inputs: { $sum: 1 },
      updated_at: { $max: "$received_at" }
    }
  },
  { $replaceWith: { $mergeObjects: ["$_id", "$$ROOT"] } },
  { $unset: "_id" },
  {
    $unionWith: {
      coll: "snapshots",
      pipeline: [
        {
          $match: {
            system: "laravel_app",
            timestamp: { $gte: ISODate("2026-01-15T11:55:00.000Z"), $lt: ISODate("2026-01-15T13:05:00.000Z") }
          }
        },
        {
          $project: {
            _id: 0,
            timestamp: 1,
            section: [
              {
                source: "telescope",
                types: {
                  $cond: [
                    {
                      $cond: [
                        {
                          $and: [
                            { $eq: [{ $type: "$telescope.entry_types" }, "object"] },
                            { $lte: ["$telescope.error", null] }
                          ]
                        },
                        {
                          $allElementsTrue: [
                            {
                              $map: {
                                input: { $objectToArray: "$telescope.entry_types" },
                                in: { $isNumber: "$$this.v" }
                              }
                            }
                          ]
                        },
                        false
                      ]
                    },
                    {
                      $let: {
                        vars: { all: { $objectToArray: "$telescope.entry_types" } },
                        in: {
                          $let: {
                            vars: {
                              named: {
                                $filter: {
                                  input: "$$all",
                                  cond: {
                                    $and: [
                                      { $eq: [{ $type: "$$this.k" }, "string"] },
                                      { $ne: ["$$this.k", "other"] },
                                      {
                                        $regexMatch: { input: "$$this.k", regex: "^[a-z][a-z0-9_]{0,63}\\z" }
                                      }
                                    ]
                                  }
                                }
                              }
                            },
                            in: {
                              $let: {
                                vars: {
                                  rest: { $subtract: [{ $sum: "$$all.v" }, { $sum: "$$named.v" }] }
                                },
                                in: {
                                  $concatArrays: [
                                    "$$named",
                                    {
                                      $cond: [{ $gt: ["$$rest", 0] }, [{ k: "other", v: "$$rest" }], []]
                                    }
                                  ]
                                }
                              }
                            }
                          }
                        }
                      }
                    },
                    null
                  ]
                }
              },
              {
                source: "pulse",
                types: {
                  $cond: [
                    {
                      $cond: [
                        {
                          $and: [
                            { $eq: [{ $type: "$pulse.entry_types" }, "object"] },
                            { $lte: ["$pulse.error", null] }
                          ]
                        },
                        {
                          $allElementsTrue: [
                            {
                              $map: {
                                input: { $objectToArray: "$pulse.entry_types" },
                                in: { $isNumber: "$$this.v" }
                              }
                            }
                          ]
                        },
                        false
                      ]
                    },
                    {
                      $let: {
                        vars: { all: { $objectToArray: "$pulse.entry_types" } },
                        in: {
                          $let: {
                            vars: {
                              named: {
                                $filter: {
                                  input: "$$all",
                                  cond: {
                                    $and: [
                                      { $eq: [{ $type: "$$this.k" }, "string"] },
                                      { $ne: ["$$this.k", "other"] },
                                      {
                                        $regexMatch: { input: "$$this.k", regex: "^[a-z][a-z0-9_]{0,63}\\z" }
                                      }
                                    ]
                                  }
                                }
                              }
                            },
                            in: {
                              $let: {
                                vars: {
                                  rest: { $subtract: [{ $sum: "$$all.v" }, { $sum: "$$named.v" }] }
                                },
                                in: {
                                  $concatArrays: [
                                    "$$named",
                                    {
                                      $cond: [{ $gt: ["$$rest", 0] }, [{ k: "other", v: "$$rest" }], []]
                                    }
                                  ]
                                }
                              }
                            }
                          }
                        }
                      }
                    },
                    null
                  ]
                }
              }
            ]
          }
        },
        { $unwind: "$section" },
        { $project: { timestamp: 1, source: "$section.source", types: "$section.types" } },
        { $match: { types: { $ne: null } } },
        {
          $setWindowFields: {
            partitionBy: "$source",
            sortBy: { timestamp: 1 },
            output: {
              previous_at: { $max: "$timestamp", window: { range: [-300000, -1], unit: "millisecond" } }
            }
          }
        },
        { $unwind: "$types" },
        { $set: { type: "$types.k", window: "$types.v" } },
        {
          $setWindowFields: {
            partitionBy: { source: "$source", type: "$type" },
            sortBy: { timestamp: 1 },
            output: {
              prior: {
                $max: { at: "$timestamp", window: "$window" },
                window: { range: [-300000, -1], unit: "millisecond" }
              }
            }
          }
        },
        {
          $set: {
            growth: {
              $cond: [
                { $gt: ["$previous_at", null] },
                {
                  $divide: [
                    {
                      $max: [
                        0,
                        {
                          $subtract: [
                            "$window",
                            { $cond: [{ $eq: ["$prior.at", "$previous_at"] }, "$prior.window", 0] }
                          ]
                        }
                      ]
                    },
                    {
                      $max: [1, { $divide: [{ $subtract: ["$timestamp", "$previous_at"] }, 60000] }]
                    }
                  ]
                },
                null
              ]
            }
          }
        },
        { $set: { taken_in: { $dateTrunc: { date: "$timestamp", unit: "minute" } } } },
        {
          $set: {
            minute: {
              $map: {
                input: {
                  $range: [
                    {
                      $min: [
                        0,
                        {
                          $ceil: {
                            $divide: [
                              {
                                $subtract: [
                                  {
                                    $max: [
                                      {
                                        $ifNull: [
                                          { $add: ["$previous_at", 1] },
                                          { $subtract: ["$timestamp", 300000] }
                                        ]
                                      },
                                      { $subtract: ["$timestamp", 300000] }
                                    ]
                                  },
                                  "$taken_in"
                                ]
                              },
                              60000
                            ]
                          }
                        }
                      ]
                    },
                    1
                  ]
                },
                in: { $add: ["$taken_in", { $multiply: ["$$this", 60000] }] }
              }
            }
          }
        },
        { $unwind: "$minute" },
        {
          $match: {
            minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
          }
        },
        {
          $group: {
            _id: { minute: "$minute", source: "$source", type: "$type" },
            window: { $max: "$window" },
            growth: { $max: { $cond: [{ $eq: ["$minute", "$taken_in"] }, "$growth", null] } }
          }
        },
        { $replaceWith: { $mergeObjects: ["$_id", { window: "$window", growth: "$growth" }] } }
      ]
    }
  },
  {
    $unionWith: {
      coll: "entries",
      pipeline: [
        {
          $match: {
            system: "laravel_app",
            source: { $in: ["telescope", "pulse"] },
            created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
          }
        },
        {
          $group: {
            _id: {
              minute: { $dateTrunc: { date: "$created_at", unit: "minute" } },
              source: "$source",
              type: "$type"
            },
            counted: { $sum: 1 }
          }
        },
        { $replaceWith: { $mergeObjects: ["$_id", { counted: "$counted" }] } }
      ]
    }
  },
  {
    $group: {
      _id: {
        minute: "$minute",
        source: "$source",
        type: {
          $cond: [
            { $gt: ["$counted", null] },
            {
              $cond: [
                {
                  $and: [
                    { $eq: [{ $type: "$type" }, "string"] },
                    { $ne: ["$type", "other"] },
                    { $regexMatch: { input: "$type", regex: "^[a-z][a-z0-9_]{0,63}\\z" } }
                  ]
                },
                "$type",
                "other"
              ]
            },
            "$type"
          ]
        }
      },
      window: { $max: "$window" },
      growth: { $max: "$growth" },
      counted: { $sum: "$counted" },
      covered: { $max: "$covered" },
      complete: { $max: "$complete" },
      inputs: { $sum: "$inputs" },
      updated_at: { $max: "$updated_at" }
    }
  },
  {
    $group: {
      _id: { minute: "$_id.minute", source: "$_id.source" },
      types: {
        $push: {
          $cond: [
            { $gt: ["$_id.type", null] },
            {
              k: "$_id.type",
              v: {
                window: "$window",
                average: { $divide: ["$window", 5] },
                growth: "$growth",
                counted: "$counted"
              }
            },
            "$$REMOVE"
          ]
        }
      },
      covered: { $max: "$covered" },
      complete: { $max: "$complete" },
      inputs: { $sum: { $add: ["$inputs", "$counted"] } },
      updated_at: { $max: "$updated_at" }
    }
  },
  {
    $project: {
      _id: 0,
      minute: "$_id.minute",
      section: {
        k: "$_id.source",
        v: {
          $cond: [
            "$covered",
            {
              complete: "$complete",
              types: {
                $arrayToObject: {
                  $map: {
                    input: {
                      $sortArray: {
                        input: {
                          $slice: [
                            {
                              $sortArray: { input: "$types", sortBy: { "v.window": -1, "v.counted": -1, k: 1 } }
                            },
                            1000
                          ]
                        },
                        sortBy: { k: 1 }
                      }
                    },
                    in: {
                      k: "$$this.k",
                      v: {
                        $mergeObjects: [
                          {
                            $switch: {
                              branches: [
                                {
                                  case: {
                                    $or: [
                                      "$complete",
                                      {
                                        $gte: [
                                          "$$this.v.counted",
                                          { $max: ["$$this.v.average", "$$this.v.growth"] }
                                        ]
                                      }
                                    ]
                                  },
                                  then: {
                                    per_minute: { $toDouble: "$$this.v.counted" },
                                    basis: "counted"
                                  }
                                },
                                {
                                  case: { $gte: ["$$this.v.growth", "$$this.v.average"] },
                                  then: { per_minute: "$$this.v.growth", basis: "growth" }
                                }
                              ],
                              default: { per_minute: "$$this.v.average", basis: "average" }
                            }
                          },
                          {
                            window: "$$this.v.window",
                            average: "$$this.v.average",
                            growth: "$$this.v.growth",
                            counted: "$$this.v.counted"
                          }
                        ]
                      }
                    }
                  }
                }
              }
            },
            null
          ]
        }
      },
      inputs: 1,
      updated_at: 1
    }
  },
  {
    $unionWith: {
      coll: "entries",
      pipeline: [
        {
          $match: {
            system: "laravel_app",
            source: { $in: ["telescope", "pulse"] },
            type: { $in: ["request", "slow_request"] },
            created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
            duration_ms: { $gte: 0 }
          }
        },
        {
          $group: {
            _id: { $dateTrunc: { date: "$created_at", unit: "minute" } },
            sampled: { $push: { $cond: [{ $eq: ["$source", "telescope"] }, "$duration_ms", "$$REMOVE"] } },
            max: { $max: "$duration_ms" }
          }
        },
        { $set: { sampled: { $sortArray: { input: "$sampled", sortBy: 1 } } } },
        {
          $project: {
            _id: 0,
            minute: "$_id",
            response_time_ms: {
              count: { $size: "$sampled" },
              avg: { $avg: "$sampled" },
              p95: {
                $cond: [
                  { $eq: ["$sampled", []] },
                  null,
                  {
                    $arrayElemAt: [
                      "$sampled",
                      {
                        $toInt: { $subtract: [{ $ceil: { $multiply: [{ $size: "$sampled" }, 0.95] } }, 1] }
                      }
                    ]
                  }
                ]
              },
              max: "$max"
            }
          }
        }
      ]
    }
  },
  {
    $unionWith: {
      coll: "snapshots",
      pipeline: [
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
      ]
    }
  },
  {
    $group: {
      _id: "$minute",
      sections: { $push: "$section" },
      snapshots: { $max: "$snapshots" },
      inputs: { $sum: "$inputs" },
      updated_at: { $max: "$updated_at" },
      response_time_ms: { $max: "$response_time_ms" },
      memory_bytes: { $max: "$memory_bytes" }
    }
  },
  {
    $set: {
      sections: { $mergeObjects: [{ telescope: null, pulse: null }, { $arrayToObject: "$sections" }] }
    }
  },
  {
    $match: {
      $or: [
        { snapshots: { $gt: 0 } },
        { "sections.telescope": { $ne: null } },
        { "sections.pulse": { $ne: null } }
      ]
    }
  },
  {
    $set: {
      headline: {
        requests: {
          $max: [
            {
              $cond: [
                { $eq: ["$sections.telescope", null] },
                null,
                {
                  rate: { $ifNull: ["$sections.telescope.types.request.per_minute", Double(0)] },
                  basis: {
                    $ifNull: [
                      "$sections.telescope.types.request.basis",
                      { $cond: ["$sections.telescope.complete", "counted", "average"] }
                    ]
                  }
                }
              ]
            }
          ]
        },
        exceptions: {
          $max: [
            {
              $cond: [
                { $eq: ["$sections.telescope", null] },
                null,
                {
                  rate: { $ifNull: ["$sections.telescope.types.exception.per_minute", Double(0)] },
                  basis: {
                    $ifNull: [
                      "$sections.telescope.types.exception.basis",
                      { $cond: ["$sections.telescope.complete", "counted", "average"] }
                    ]
                  }
                }
              ]
            },
            {
              $cond: [
                { $eq: ["$sections.pulse", null] },
                null,
                {
                  rate: { $ifNull: ["$sections.pulse.types.exception.per_minute", Double(0)] },
                  basis: {
                    $ifNull: [
                      "$sections.pulse.types.exception.basis",
                      { $cond: ["$sections.pulse.complete", "counted", "average"] }
                    ]
                  }
                }
              ]
            }
          ]
        },
        queries: {
          $max: [
            {
              $cond: [
                { $eq: ["$sections.telescope", null] },
                null,
                {
                  rate: { $ifNull: ["$sections.telescope.types.query.per_minute", Double(0)] },
                  basis: {
                    $ifNull: [
                      "$sections.telescope.types.query.basis",
                      { $cond: ["$sections.telescope.complete", "counted", "average"] }
                    ]
                  }
                }
              ]
            }
          ]
        }
      }
    }
  },
  {
    $project: {
      _id: { system: { $literal: "laravel_app" }, minute: "$_id" },
      system: { $literal: "laravel_app" },
      minute: "$_id",
      snapshots: { $ifNull: ["$snapshots", 0] },
      inputs: 1,
      updated_at: 1,
      telescope: "$sections.telescope",
      pulse: "$sections.pulse",
      response_time_ms: { $ifNull: ["$response_time_ms", { count: 0, avg: null, p95: null, max: null }] },
      memory_bytes: { $ifNull: ["$memory_bytes", { last: null, max: null, peak: null }] },
      headline: {
        requests_per_minute: { $ifNull: ["$headline.requests.rate", null] },
        exceptions_per_minute: { $ifNull: ["$headline.exceptions.rate", null] },
        queries_per_minute: { $ifNull: ["$headline.queries.rate", null] },
        basis: {
          requests: { $ifNull: ["$headline.requests.basis", null] },
          exceptions: { $ifNull: ["$headline.exceptions.basis", null] },
          queries: { $ifNull: ["$headline.queries.basis", null] }
        }
      }
    }
  },
  { $sort: { minute: 1 } }
])
