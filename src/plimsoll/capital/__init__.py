"""Scenarios, bids, the auction and the way to its target portfolio (A, R2)."""
