"""HTTP: one module a noun."""
