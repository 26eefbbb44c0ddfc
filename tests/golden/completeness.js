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
  { $unset: "_id" }
])
