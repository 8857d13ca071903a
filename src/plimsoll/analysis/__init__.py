"""Analysis of records: explanations, replays, risk, costs, auctions solved again."""
