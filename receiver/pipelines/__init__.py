"""Aggregation pipelines: pure functions that return stages. ``catalogue`` lists them."""
