"""Plimsoll from Python: open a home, run what the commands run, and look at tables and figures (O10).

>>> import plimsoll
>>> home = plimsoll.open("runtime")                     # doctest: +SKIP
>>> run = home.backtest(start="2015-01-02")             # doctest: +SKIP
>>> run.metrics, run.equity, run.figure("drawdown")     # doctest: +SKIP

Tables are polars DataFrames. Units are those of the whole system: weights, returns, volatility, drawdown and CVaR
are fractions of NAV (drawdown and CVaR positive), money is USD, a date is an NYSE session.
"""

from plimsoll.notebook.home import Home, open
from plimsoll.notebook.run import FIGURES, Run

__all__ = ["FIGURES", "Home", "Run", "open"]
