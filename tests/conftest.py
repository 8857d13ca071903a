"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from plimsoll.core.decision import CycleRecord
from plimsoll.core.events import Event
from plimsoll.core.instrument import Instrument
from plimsoll.core.panel import Certification, History, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.ports import Strategy
from plimsoll.core.sessions import EPOCH, Sessions

if TYPE_CHECKING:
    from plimsoll.engine.run_context import RunContext
    from plimsoll.engine.tally import RunTally

ROOT = Path(__file__).resolve().parent.parent

# Hundreds of tests start commands in processes of their own. Without compiled files each would compile the package
# again, up to a quarter of its processor time, and each worker would rewrite every file of tests; so they are kept even
# where the environment asks for none.
sys.dont_write_bytecode = False
os.environ["PYTHONDONTWRITEBYTECODE"] = ""


# Property tests draw the same examples in every run, so that a green suite stays green; `make test-random` draws more.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("random", print_blob=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market history; the test is skipped, visibly, where it is not there."""
    folder = Path(os.environ.get("PLIMSOLL_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "etf_daily.parquet").is_file():
        pytest.skip(f"recorded market history not found in {folder}; set PLIMSOLL_SHARED_DATA")
    return folder


def _panel(close: np.ndarray, symbols: tuple[str, ...] = (), **given: object) -> Panel:
    """A certified panel of weekdays from 2015-01-01 on with these closes (T, N); any field may be given.

    By default high and low lie half a percent around the close, volume is 1000 units, nothing is paid or split,
    and the index follows the close from each column's first bar.
    """
    rows, columns = close.shape
    names = symbols or tuple(f"S{i:02d}" for i in range(columns))
    starts = np.array([c[np.isfinite(c)][0] if np.isfinite(c).any() else np.nan for c in close.T])
    days = np.busday_offset("2015-01-01", np.arange(rows + 1), roll="forward") - EPOCH
    days = days.astype("m8[D]").astype(np.int64)
    fields: dict[str, object] = {
        "sessions": Sessions(days[:-1], days[:-1] * 86400 + 52200, days[:-1] * 86400 + 75600, int(days[-1])),
        "instruments": tuple(
            Instrument(s, "index" if s.startswith("^") else "crypto" if "-" in s else "stock", "XNYS") for s in names
        ),
        "open": close,
        "high": close * 1.005,
        "low": close * 0.995,
        "close": close,
        "volume": np.where(np.isfinite(close), 1000.0, np.nan),
        "dividend": np.zeros_like(close),
        "split": np.ones_like(close),
        "index": close / starts,
        "fresh": np.isfinite(close),
        "certifications": tuple(Certification(s, "ACTIVE", rows, rows, 0.0, 1.0, ()) for s in names),
        "macro": np.zeros((rows, 0)),
        "macro_names": (),
        "snapshot": "test",
        "synthetic": True,
    }
    return Panel(**fields | given)


@pytest.fixture(scope="session")
def make_panel() -> Callable[..., Panel]:
    """``make_panel(close, symbols=(), **fields)`` builds a small certified panel."""
    return _panel


MARKET = ("BTC-USD", "GLD", "QQQ", "SPY", "TLT", "XLE", "^VIX")


def _market(seed: int = 1, rows: int = 420, *, crash: float = 0.0, at: int = 330, **given: object) -> Panel:
    """A small synthetic market with a volatility index and a bill rate: six funds and one coin, splits and dividends.

    ``crash`` is a daily loss of equities and the coin over thirty sessions from row ``at`` on.
    """
    draw = np.random.default_rng(seed)
    n = len(MARKET) - 1
    shocks = draw.standard_t(5, (rows, n + 1)) / np.sqrt(5.0 / 3.0)
    equity = np.array([0.5, 0.0, 1.1, 1.0, -0.2, 0.9])
    own = np.array([0.030, 0.008, 0.004, 0.002, 0.007, 0.009])
    drift = np.array([0.0012, 0.0004, 0.0006, 0.0005, 0.0001, 0.0003])
    moves = drift + shocks[:, n:] * equity * 0.009 + shocks[:, :n] * own
    moves[at : at + 30] -= crash * np.array([2.0, 0.0, 1.1, 1.0, 0.2, 1.0])
    moves[0] = 0.0
    index = np.cumprod(1.0 + np.clip(moves, -0.4, 0.4), axis=0)
    close = index * np.array([600.0, 120.0, 90.0, 195.0, 110.0, 70.0])
    dividend, split = np.zeros((rows, n + 1)), np.ones((rows, n + 1))
    ex = np.arange(40, rows, 63)
    for column in (2, 3, 4):
        dividend[ex, column] = 0.004 * close[ex, column]
        close[:, column] *= np.cumprod(1.0 - 0.004 * np.isin(np.arange(rows), ex))
    if rows > 360:
        split[360, 2] = 2.0
        close[360:, 2] /= 2.0
        dividend[360:, 2] /= 2.0
    vix_or_proxy = 17.0 * np.exp(0.15 * draw.standard_normal(rows))
    vix_or_proxy[at : at + 30] *= 1.0 + 60.0 * crash
    prices = np.column_stack([close, vix_or_proxy])
    opens = np.vstack([prices[:1], prices[:-1] / split[1:] * (1.0 + 0.002 * draw.standard_normal((rows - 1, n + 1)))])
    kinds = ("crypto", "fund", "fund", "fund", "fund", "fund", "index")
    fields: dict[str, object] = {
        "instruments": tuple(
            Instrument(s, k, "XNYS", lots_per_unit=10_000 if k == "crypto" else 1)  # type: ignore[arg-type]
            for s, k in zip(MARKET, kinds, strict=True)
        ),
        "open": opens,
        "high": np.maximum(opens, prices) * 1.004,
        "low": np.minimum(opens, prices) * 0.996,
        "volume": np.tile([2e6, 8e6, 4e7, 8e7, 1e7, 1e7, np.nan], (rows, 1)) * np.exp(0.2 * shocks[:, :1]),
        "dividend": dividend,
        "split": split,
        "index": np.column_stack([index, vix_or_proxy / vix_or_proxy[0]]),
        "macro": np.full((rows, 1), 4.0),
        "macro_names": ("DGS3MO",),
    }
    return _panel(prices, MARKET, **fields | given)


@pytest.fixture(scope="session")
def make_market() -> Callable[..., Panel]:
    """``make_market(seed, rows, crash=…, at=…, **fields)`` builds a small market in which the core profile trades."""
    return _market


class Ledger:
    """A journal in memory; ``lines`` are the kinds and payloads the file would hold."""

    def __init__(self) -> None:
        self.written: list[Event] = []

    def append(self, event: Event) -> str:
        self.written.append(event)
        return ""

    def append_many(self, events: Iterable[Event]) -> str:
        self.written.extend(events)
        return ""

    def events(self) -> Iterator[Event]:
        return iter(self.written)

    def commit(self) -> None:
        return

    def close(self) -> None:
        return

    @property
    def lines(self) -> list[tuple[str, bytes]]:
        from plimsoll.store import codec

        return [codec.encode(event) for event in self.written]

    @property
    def records(self) -> list[CycleRecord]:
        return [event for event in self.written if isinstance(event, CycleRecord)]


@dataclass(frozen=True)
class Trial:
    """A finished backtest: what it was given, what it journaled and what it added up to."""

    history: History
    run: RunContext
    ledger: Ledger
    tally: RunTally

    @property
    def records(self) -> list[CycleRecord]:
        return self.ledger.records


def _trial(
    panel: Panel,
    policy: Policy,
    *,
    strategies: Iterable[Strategy] | None = None,
    first: int = 260,
    last: int | None = None,
    operator: str = "simulated",
    capital: int = 10_000_000,
) -> Trial:
    from plimsoll.alpha.registry import load  # here, so that a broken engine breaks its own tests only
    from plimsoll.engine.history import history_of
    from plimsoll.engine.recorded import run_backtest
    from plimsoll.engine.run_context import RunContext
    from plimsoll.engine.span import Span

    chosen = load(policy.strategies.enabled) if strategies is None else tuple(strategies)
    history, desk, ledger = history_of(panel, policy, chosen), RunContext(policy, chosen, panel.instruments), Ledger()
    span = Span(first, len(panel.sessions) - 1 if last is None else last)
    tally = run_backtest(history, desk, span, ledger, capital=capital, operator=operator)
    return Trial(history, desk, ledger, tally)


def _papered(
    panel: Panel,
    policy: Policy,
    *,
    first: int = 260,
    last: int | None = None,
    operator: str = "simulated",
    capital: int = 10_000_000,
    restart_every: int = 0,
) -> Trial:
    from plimsoll.alpha.registry import load
    from plimsoll.app.wiring import simulated_exchange
    from plimsoll.engine.history import history_of
    from plimsoll.engine.paper import PaperSession
    from plimsoll.engine.run_context import RunContext
    from plimsoll.engine.span import Span

    chosen = load(policy.strategies.enabled)
    history, desk, ledger = history_of(panel, policy, chosen), RunContext(policy, chosen, panel.instruments), Ledger()
    span = Span(first, len(panel.sessions) - 1 if last is None else last)
    session = PaperSession(
        lambda: history,
        lambda _: desk,
        span,
        lambda: ledger,
        simulated_exchange,
        capital=capital,
        operator=operator,
        restart_every=restart_every,
    )
    return Trial(history, desk, ledger, session.run())


@pytest.fixture(scope="session")
def papered() -> Callable[..., Trial]:
    """``papered(panel, policy, first=…, last=…, restart_every=…)`` is the same on paper, through a port."""
    return _papered


@pytest.fixture(scope="session")
def backtested() -> Callable[..., Trial]:
    """``backtested(panel, policy, strategies=…, first=…, last=…, operator=…)`` runs the engine in memory."""
    return _trial


class RedisServer:
    """A Redis server of its own on a free loopback port, with an append-only file."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.start()

    def start(self) -> None:
        """Run it on what its folder holds; returns once it answers."""
        kept = {"--appendonly": "yes", "--appendfsync": "everysec", "--save": "", "--dir": str(self.folder)}
        given = kept | dict(zip(self.options[::2], self.options[1::2], strict=True))
        words = [word for pair in given.items() for word in pair]
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), *words]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.child.stdout
        told = []
        while line := self.child.stdout.readline():
            told.append(line)
            if b"eady to accept connections" in line:
                return
        raise RuntimeError(b"".join(told).decode())

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self, *, kill: bool = False) -> None:
        """End it, or kill it on the spot."""
        (self.child.kill if kill else self.child.terminate)()
        self.child.wait(timeout=30)
        assert self.child.stdout
        self.child.stdout.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """``redis_server(*options)`` starts a server; skipped, visibly, where the program or its client is missing."""
    pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        folder = tmp_path / f"redis-{len(started)}"
        folder.mkdir()
        started.append(RedisServer(folder, *options))
        return started[-1]

    yield start
    for server in started:
        if server.child.returncode is None:
            server.stop()
