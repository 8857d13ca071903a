"""Monte Carlo of the governor: sessions that push every limit, counted by an independent ledger (H8)."""
