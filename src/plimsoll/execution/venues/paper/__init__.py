"""The paper venue: an account that fills in time, at quotes, by the cost model (X5)."""
