"""The governor's validation by simulation: sessions that push every limit, counted by someone else (H8)."""
