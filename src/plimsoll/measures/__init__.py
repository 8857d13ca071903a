"""Pure statistics of returns and losses."""
