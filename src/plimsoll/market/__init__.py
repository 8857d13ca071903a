"""Market data: providers, calendars, certification, snapshots (D)."""
