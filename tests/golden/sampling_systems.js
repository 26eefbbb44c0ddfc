db.rates.aggregate([
  {
    $match: {
      minute: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") }
    }
  },
  {
    $project: {
      _id: 0,
      system: 1,
      section: [
        { source: "telescope", complete: "$telescope.complete" },
        { source: "pulse", complete: "$pulse.complete" }
      ]
    }
  },
  { $unwind: "$section" },
  { $match: { "section.complete": { $type: "bool" } } },
  {
    $group: {
      _id: { system: "$system", source: "$section.source" },
      minutes: { $sum: 1 },
      complete_share: { $avg: { $cond: ["$section.complete", 1, 0] } }
    }
  },
  {
    $project: { _id: 0, system: "$_id.system", source: "$_id.source", minutes: 1, complete_share: 1 }
  },
  { $sort: { complete_share: 1, system: 1, source: 1 } }
])
