"""The rotation of ``bench_backtest`` in backtrader, bt and vectorbt, each timed in its own process.

Run by ``bench_backtest.py`` inside the peers' environment: ``python peers.py ENGINE FOLDER FIRST``. FOLDER holds
``open.npy close.npy high.npy low.npy`` (T, N) without gaps and ``month.npy``, True on a month's last session. From
row FIRST on, at each month's end: rank by 12-1 momentum, keep the top 30 % that stand above their 200-session mean,
weight by inverse 60-session volatility up to 95 % of equity, trade at the next open, 0.15 % a trade. No gates, no
journal. Prints one JSON line: seconds and processor seconds inside the engine, final value over initial.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

COST, INVESTED, CASH = 0.0015, 0.95, 1e7


def load(folder: Path) -> dict[str, np.ndarray]:
    return {name: np.load(folder / f"{name}.npy") for name in ("open", "high", "low", "close", "month")}


def target(close: np.ndarray) -> np.ndarray:
    """Weights after the close of the last row of ``close`` (>= 253, N)."""
    momentum = close[-22] / close[-253] - 1.0
    n = momentum.size
    rank = np.argsort(np.argsort(momentum, kind="stable"), kind="stable") + 1
    chosen = (rank / n > 0.70) & (close[-1] > close[-200:].mean(axis=0))
    returns = close[-60:] / close[-61:-1] - 1.0
    weight = np.where(chosen, 1.0 / returns.std(axis=0, ddof=1), 0.0)
    return weight * (INVESTED / weight.sum()) if weight.any() else weight


def signals(data: dict[str, np.ndarray], first: int) -> dict[int, np.ndarray]:
    close, month = data["close"], data["month"]
    rows = [t for t in range(first, close.shape[0] - 1) if month[t] or t == first]
    return {t: target(close[t - 252 : t + 1]) for t in rows}


def run_vectorbt(data: dict[str, np.ndarray], first: int) -> tuple[float, float, float]:
    import pandas as pd
    import vectorbt as vbt

    def once() -> float:
        close = pd.DataFrame(data["close"])
        size = np.full(close.shape, np.nan)
        for t, weight in signals(data, first).items():
            size[t + 1] = weight
        book = vbt.Portfolio.from_orders(
            close, size=size, size_type="targetpercent", price=data["open"], fees=COST, init_cash=CASH,
            group_by=True, cash_sharing=True, call_seq="auto", freq="1D",
        )  # fmt: skip
        return float(book.value().iloc[-1])

    once()  # compiles
    begun, worked = time.perf_counter(), time.process_time()
    value = once()
    return time.perf_counter() - begun, time.process_time() - worked, value


def run_bt(data: dict[str, np.ndarray], first: int) -> tuple[float, float, float]:
    import bt
    import pandas as pd

    days = pd.bdate_range("2010-01-01", periods=data["close"].shape[0])
    names = [f"A{i:03d}" for i in range(data["close"].shape[1])]
    close = pd.DataFrame(data["close"], index=days, columns=names)
    begun, worked = time.perf_counter(), time.process_time()
    after = {days[t + 1]: t for t in signals(data, first)}

    class Rotate(bt.Algo):
        def __call__(self, strategy: object) -> bool:
            row = after.get(strategy.now)
            if row is None:
                return False
            weights = target(data["close"][row - 252 : row + 1])
            strategy.temp["weights"] = {n: float(w) for n, w in zip(names, weights, strict=True) if w > 0}
            return True

    test = bt.Backtest(
        bt.Strategy("rotation", [Rotate(), bt.algos.Rebalance()]), close, initial_capital=CASH,
        commissions=lambda q, p: abs(q) * p * COST, integer_positions=False, progress_bar=False,
    )  # fmt: skip
    bt.run(test)
    return time.perf_counter() - begun, time.process_time() - worked, float(test.strategy.value)


def run_backtrader(data: dict[str, np.ndarray], first: int) -> tuple[float, float, float]:
    import backtrader
    import pandas as pd

    days = pd.bdate_range("2010-01-01", periods=data["close"].shape[0])
    assets = range(data["close"].shape[1])

    class Rotate(backtrader.Strategy):
        def next(self) -> None:
            row = len(self) - 1
            if row < first or row >= len(days) - 1 or not (data["month"][row] or row == first):
                return
            weights = target(np.array([d.close.get(size=253) for d in self.datas]).T)
            value = self.broker.getvalue()
            held = [self.getposition(d).size * d.close[0] / value for d in self.datas]
            for i in sorted(assets, key=lambda i: weights[i] - held[i]):  # sales first
                if weights[i] > 0 or held[i]:
                    self.order_target_percent(self.datas[i], target=float(weights[i]))

    begun, worked = time.perf_counter(), time.process_time()
    engine = backtrader.Cerebro(stdstats=False)
    engine.broker.setcash(CASH)
    engine.broker.setcommission(COST)
    engine.broker.set_checksubmit(False)
    for i in assets:
        frame = pd.DataFrame({k: data[k][:, i] for k in ("open", "high", "low", "close")} | {"volume": 1e6}, index=days)
        engine.adddata(backtrader.feeds.PandasData(dataname=frame))
    engine.addstrategy(Rotate)
    engine.run()
    return time.perf_counter() - begun, time.process_time() - worked, float(engine.broker.getvalue())


if __name__ == "__main__":
    engine, folder, first = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    runs = {"vectorbt": run_vectorbt, "bt": run_bt, "backtrader": run_backtrader}
    seconds, cpu, value = runs[engine](load(folder), first)
    print(json.dumps({"engine_s": seconds, "cpu_s": cpu, "multiple": value / CASH}))
