db.rates.aggregate([
  {
    $project: {
      _id: 0,
      system: 1,
      minute: 1,
      row: {
        $concatArrays: [
          {
            $map: {
              input: { $objectToArray: { $ifNull: ["$telescope.types", {}] } },
              in: {
                source: "telescope",
                type: "$$this.k",
                figures: "$$this.v",
                complete: "$telescope.complete"
              }
            }
          },
          {
            $map: {
              input: { $objectToArray: { $ifNull: ["$pulse.types", {}] } },
              in: {
                source: "pulse",
                type: "$$this.k",
                figures: "$$this.v",
                complete: "$pulse.complete"
              }
            }
          }
        ]
      }
    }
  },
  { $unwind: "$row" },
  {
    $project: {
      system: 1,
      minute: 1,
      source: "$row.source",
      type: "$row.type",
      per_minute: "$row.figures.per_minute",
      basis: "$row.figures.basis",
      window: "$row.figures.window",
      average: "$row.figures.average",
      growth: "$row.figures.growth",
      counted: "$row.figures.counted",
      complete: "$row.complete"
    }
  }
])
