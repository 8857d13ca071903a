"""What records say: explanations, replays, risk, costs, auctions solved again."""
