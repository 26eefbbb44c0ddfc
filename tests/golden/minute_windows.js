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
                          vars: { rest: { $subtract: [{ $sum: "$$all.v" }, { $sum: "$$named.v" }] } },
                          in: {
                            $concatArrays: [
                              "$$named",
                              { $cond: [{ $gt: ["$$rest", 0] }, [{ k: "other", v: "$$rest" }], []] }
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
                          vars: { rest: { $subtract: [{ $sum: "$$all.v" }, { $sum: "$$named.v" }] } },
                          in: {
                            $concatArrays: [
                              "$$named",
                              { $cond: [{ $gt: ["$$rest", 0] }, [{ k: "other", v: "$$rest" }], []] }
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
      output: { previous_at: { $max: "$timestamp", window: { range: [-300000, -1], unit: "millisecond" } } }
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
              { $max: [1, { $divide: [{ $subtract: ["$timestamp", "$previous_at"] }, 60000] }] }
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
])
