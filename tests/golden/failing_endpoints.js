db.entries.aggregate([
  {
    $match: {
      system: "laravel_app",
      source: "telescope",
      type: "exception",
      created_at: { $gte: ISODate("2026-01-15T12:00:00.000Z"), $lt: ISODate("2026-01-15T13:00:00.000Z") },
      batch_id: { $type: "string" }
    }
  },
  {
    $group: {
      _id: { batch_id: "$batch_id", class: "$class" },
      times: { $sum: 1 },
      last_seen: { $max: "$created_at" }
    }
  },
  {
    $lookup: {
      from: "entries",
      localField: "_id.batch_id",
      foreignField: "batch_id",
      pipeline: [{ $match: { source: "telescope", type: "request" } }],
      as: "requests"
    }
  },
  {
    $set: {
      request: {
        $first: {
          $filter: { input: "$requests", cond: { $eq: ["$$this.system", { $literal: "laravel_app" }] } }
        }
      }
    }
  },
  {
    $group: {
      _id: {
        method: "$request.method",
        endpoint: {
          $cond: [
            { $eq: [{ $ifNull: ["$request.action", "Closure"] }, "Closure"] },
            "$request.path",
            "$request.action"
          ]
        },
        class: "$_id.class"
      },
      times: { $sum: "$times" },
      requests: { $sum: 1 },
      last_seen: { $max: "$last_seen" }
    }
  },
  {
    $project: {
      _id: 0,
      method: "$_id.method",
      endpoint: "$_id.endpoint",
      class: "$_id.class",
      times: 1,
      requests: 1,
      last_seen: 1
    }
  },
  { $sort: { times: -1, endpoint: 1, method: 1, class: 1 } },
  { $limit: 20 }
])
