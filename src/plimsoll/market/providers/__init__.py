"""Sources of market data."""
