db.systems.aggregate([
  { $match: { _id: { $gt: "" } } },
  { $sort: { _id: 1 } },
  { $limit: 200 },
  {
    $lookup: {
      from: "rates",
      localField: "_id",
      foreignField: "system",
      let: { latest: "$last_timestamp" },
      pipeline: [
        { $match: { $expr: { $lte: ["$minute", "$$latest"] } } },
        { $sort: { minute: -1 } },
        { $limit: 1 },
        { $project: { _id: 0, minute: 1, headline: 1, response_time_ms: 1, memory_bytes: 1 } }
      ],
      as: "rates"
    }
  },
  {
    $lookup: {
      from: "snapshots",
      localField: "_id",
      foreignField: "system",
      pipeline: [{ $sort: { timestamp: -1 } }, { $limit: 21 }, { $project: { _id: 0, timestamp: 1 } }],
      as: "latest"
    }
  },
  {
    $set: {
      cadence_seconds: {
        $let: {
          vars: {
            gaps: {
              $sortArray: {
                input: {
                  $map: {
                    input: { $range: [1, { $size: "$latest.timestamp" }] },
                    in: {
                      $divide: [
                        {
                          $subtract: [
                            { $arrayElemAt: ["$latest.timestamp", { $subtract: ["$$this", 1] }] },
                            { $arrayElemAt: ["$latest.timestamp", "$$this"] }
                          ]
                        },
                        1000
                      ]
                    }
                  }
                },
                sortBy: 1
              }
            }
          },
          in: {
            $ifNull: [
              {
                $arrayElemAt: ["$$gaps", { $toInt: { $floor: { $divide: [{ $size: "$$gaps" }, 2] } } }]
              },
              null
            ]
          }
        }
      }
    }
  },
  {
    $project: {
      _id: 0,
      system: "$_id",
      state: {
        $cond: [
          {
            $gt: [
              {
                $divide: [{ $subtract: [ISODate("2026-01-15T13:00:00.000Z"), "$last_seen_at"] }, 1000]
              },
              { $max: [600, { $multiply: [3, "$cadence_seconds"] }] }
            ]
          },
          "silent",
          "reporting"
        ]
      },
      cadence_seconds: 1,
      first_seen_at: 1,
      last_seen_at: 1,
      last_timestamp: 1,
      php_version: 1,
      laravel_version: 1,
      last_snapshot_id: 1,
      rates: { $ifNull: [{ $first: "$rates" }, null] }
    }
  }
])
