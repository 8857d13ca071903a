"""Tax lots, wash sales and Form 8949 of trades, as dated rules (X8). Pure: trades in, rows out; not tax advice."""
