"""Gates, ladder, regime, stops (R)."""
