"""The one cost model (C)."""
