"""Scenarios, bids, the auction and order sizing towards its target portfolio (A, R2)."""
