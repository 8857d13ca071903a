"""Is everything in place, and the way back after a halt (O10)."""
