db.entries.aggregate([
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
])
