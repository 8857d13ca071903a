"""Orders to venues, fills to positions (X)."""
