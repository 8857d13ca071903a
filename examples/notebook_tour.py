"""The notebook API in one file: open a home, run, look at tables and figures.

    python examples/notebook_tour.py            # a synthetic market in demo/
    python examples/notebook_tour.py runtime    # your own home

In a notebook the last expression of a cell is shown; here it is printed.
"""

from __future__ import annotations

import sys

import polars as pl

import plimsoll

home = plimsoll.open(sys.argv[1] if len(sys.argv) > 1 else "demo")
if not (home.path / "snapshots").exists():
    home.ingest(provider="synthetic")  # nothing there yet: make a market up

print(home.status.select("symbol", "state", "rows", "score"))

# A backtest with one policy value changed. Everything `plimsoll config show` lists can be changed by its key.
run = home.backtest(start="2020-01-02", end="2021-12-31", changes={"cvar.budget_10": 0.04})
print(run, run.metrics, run.trades.head(3), sep="\n")

# Tables are polars DataFrames: one row a session, a fill, a judged symbol, a bid.
print(run.equity.select("date", "nav", "drawdown", "cvar_10", "mode").tail(3))
print(run.fills.group_by("symbol").agg(pl.len().alias("fills"), pl.col("commission").sum()).sort("symbol"))

# Why did wishes not become orders?
refused = run.decisions.filter(pl.col("outcome") == "REJECT").with_columns(pl.col("reasons").str.split("; "))
print(refused.explode("reasons").group_by("reasons").len().sort("reasons"))

# The whole story of one of them, in sentences.
wish = run.decisions.filter(pl.col("outcome") == "REJECT").row(0, named=True)
for step, sentence in run.explain(f"{wish['date']}", wish["symbol"]).select("step", "sentence").iter_rows():
    print(f"{step:>12}  {sentence}")

# What stopped each bid at the first auction, and what a little more room would have been worth.
first = run.auctions.filter(pl.col("date") == pl.col("date").min())
print(first.select("strategy", "symbol", "decision", "mu", "weight", "binding", "price"))

# Everything as CSV files, pandas, and figures (pip install 'plimsoll[plots]').
print("wrote", len(run.to_csv(home.path / "tables")), "tables")
print(run.to_pandas("weights").tail(2))
for name in plimsoll.FIGURES:
    run.figure(name).write_html(home.path / f"{name}.html")
    print("wrote", home.path / f"{name}.html")

# A past run reads the same, from its journal alone; the hash chain says whether it is what was written.
assert home.run(run.summary.run).fills.equals(run.fills)
assert home.audit(run.summary.run).ok
