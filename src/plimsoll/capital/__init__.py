"""Scenarios, bids, the auction and the way to its programme (A, R2)."""
