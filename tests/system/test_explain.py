"""Explanations and replays of real runs: what they say is what the panel and the journal hold (G4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from commands import Done, plimsoll
from plimsoll import app
from plimsoll.analysis import past_session
from plimsoll.analysis.case import Explanation
from plimsoll.analysis.replay import replay as engine_replay
from plimsoll.analysis.wording import share
from plimsoll.app.wiring import runs_of, snapshots_of
from plimsoll.core.decision import CycleRecord
from plimsoll.core.errors import CheckFailed, InputError, PlimsollError, UsageError
from plimsoll.core.order import Fill
from plimsoll.core.panel import Panel
from plimsoll.core.runs import Passage
from plimsoll.engine.recovery import recover
from plimsoll.market import snapshot
from plimsoll.store import codec
from plimsoll.store.runs import RunFiles

START = "2019-01-02"


@dataclass(frozen=True)
class Run:
    """A finished backtest over a synthetic market."""

    where: app.Workspace
    name: str
    panel: Panel
    records: tuple[CycleRecord, ...]

    @property
    def runs(self) -> RunFiles:
        return runs_of(self.where)

    @contextmanager
    def past(self, session: str) -> Iterator[past_session.Past]:
        """A session of the run, under the policy that was stored."""
        with self.runs.open(self.name) as reader:
            yield past_session.find(reader, self.runs, snapshots_of(self.where.home), session, lambda: None)  # type: ignore[arg-type,return-value]


@pytest.fixture(scope="module")
def run(ingested: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = ingested(tmp_path_factory.mktemp("explained") / "home")
    where = app.Workspace(home, changes={"account.capital": 100_000.0})
    name = app.backtest(where, start=START).run
    panel = snapshot.load(snapshot.current(home / "snapshots"))
    records = tuple(e for e in app.journaled(where, name) if isinstance(e, CycleRecord))
    return Run(where, name, panel, records)


def between(chain: Explanation, step: str) -> str:
    return " ".join(s for found in chain.steps if found.name == step for s in found.sentences)


def lines(run: Run) -> Iterator[tuple[CycleRecord, str, str, int, list[str]]]:
    """Every line of every decision: record, symbol, outcome, lots, reasons."""
    for record in run.records:
        for symbol, outcome, lots, why in zip(record.symbols, record.outcome, record.lots, record.reasons, strict=True):
            yield record, symbol, outcome, lots, why


def passage(run: Run, session: str) -> Passage | None:
    with run.runs.open(run.name) as reader:
        return reader.session(session)


def test_indicators_are_those_of_the_panel_at_the_auction(run: Run) -> None:
    record = next(r for r in run.records[200:] if r.auction is None and any(r.held))
    symbol = record.symbols[int(np.argmax(record.held))]
    chain = app.explain(run.where, record.session, symbol).symbols[0]
    assert record.carried.portfolio is not None
    auctioned = next(r for r in reversed(run.records[: run.records.index(record)]) if r.auction is not None)
    row, column = run.panel.sessions.row_at_or_after(auctioned.session), run.panel.column[symbol]
    index = run.panel.index[: row + 1, column]
    momentum = index[-1] / index[-61] - 1.0
    volatility = np.std(index[-60:] / index[-61:-1] - 1.0, ddof=1) * np.sqrt(252.0)
    said = between(chain, "indicators")
    assert f"of the auction of {auctioned.session}" in said
    assert f"{100 * momentum:.1f}%" in said or f"{100 * momentum:.2f}%" in said
    assert f"z60 (momentum in its own standard deviations): {momentum / (volatility * np.sqrt(60 / 252)):+.2f}" in said
    above = index[-1] / index[-200:].mean() - 1.0
    assert f"{'above' if above >= 0 else 'below'} 200" in said
    assert f"close {run.panel.close[run.panel.sessions.row_at_or_after(record.session), column]:,.2f}" in between(
        chain, "data"
    )


def test_a_trade_is_told_with_its_fill_beside_the_next_open(run: Run) -> None:
    record, symbol, _, lots, _ = next(line for line in lines(run) if line[2] == "EXECUTE" and line[3] > 0)
    found = passage(run, record.session)
    assert found is not None
    done = next(e for e in found.after if isinstance(e, Fill) and e.symbol == symbol)
    chain = app.explain(run.where, record.session, symbol).symbols[0]
    row = run.panel.sessions.row_at_or_after(record.session)
    said = between(chain, "fill")
    assert f"At the open of {run.panel.sessions.dates[row + 1]}: bought" in said
    assert f"at {done.price:,.2f} for {abs(done.notional) / 100:,.2f} USD" in said
    assert f"against an open of {run.panel.open[row + 1, run.panel.column[symbol]]:,.2f}" in said
    assert f"{done.commission / 100:,.2f} commission" in said
    assert lots > 0 and chain.outcome == "EXECUTE" and "buys" in chain.headline


def test_each_gate_of_the_book_is_told_as_journaled(run: Run) -> None:
    record = next(r for r in run.records if r.intents and r.figures.get("stressed_after_1") is not None)
    said = " ".join(
        s for step in app.explain(run.where, record.session).summary if step.name == "gates" for s in step.sentences
    )
    told = (("cvar_after_1", "budget", "cvar_budget_1"), ("stressed_after_10", "limit", "stressed_10"))
    for name, word, limit in told:
        assert f"{share(record.figures[name])}, {word} {share(record.limits[limit])}" in said


def test_a_bid_that_lost_is_told_with_the_constraint_and_its_price(run: Run) -> None:
    record, bid = next(
        (r, b) for r in run.records if r.auction for b in r.auction.bids
        if b.decision == "OUTBID" and b.price and b.binding.startswith(("stressed", "cvar"))
    )  # fmt: skip
    said = between(app.explain(run.where, record.session, bid.symbol).symbols[0], "auction")
    assert bid.price is not None
    gain = bid.price * 0.001 * record.nav / 100.0
    assert "One more tenth of a per cent of NAV of that budget" in said
    assert (f"{gain:,.2f} USD" if gain < 100 else f"{gain:,.0f} USD") in said


def test_every_symbol_of_many_sessions_is_explained_without_a_gap(run: Run) -> None:
    told = 0
    for record in run.records[::25]:
        with run.past(record.session) as past:
            page = past_session.explain(past)
        assert [c.symbol for c in page.symbols] == [i.symbol for i in run.panel.instruments if i.tradable]
        for name, text in [
            (s.name, t) for s in (*page.summary, *(p for c in page.symbols for p in c.steps)) for t in s.sentences
        ]:
            assert not re.search(r"[{}]|\bNone\b(?! of)|\bnan\b|unrecorded|\(for \)", text), (
                record.session,
                name,
                text,
            )
            assert text[-1] in ".:%)" or text[-1].isdigit() or text.startswith("- ") or name == "gates", text
            told += 1
        lined = {s for step in page.summary for t in step.sentences for s in re.findall(r"[A-Z][A-Z-]+\b", t)}
        assert lined >= set(record.symbols)
    assert told > 5_000


def test_a_date_without_a_session_names_the_sessions_around_it(run: Run) -> None:
    sessions = set(run.panel.sessions.dates)
    day = date.fromisoformat(run.records[50].session)
    while day.isoformat() in sessions:
        day += timedelta(days=1)
    with pytest.raises(UsageError, match="is not a session") as caught:
        app.explain(run.where, day.isoformat())
    around = [d for d in (run.panel.sessions.dates) if abs(date.fromisoformat(d) - day) <= timedelta(days=4)]
    before, after = max(d for d in around if d < day.isoformat()), min(d for d in around if d > day.isoformat())
    assert f"{before} and {after}" in caught.value.remedy


@pytest.mark.parametrize(
    ("on", "symbol", "error", "said"),
    [
        ("2016-02-01", None, UsageError, "There is no decision on 2016-02-01"),
        ("2019-2-1", None, UsageError, "not a date"),
        (START, "SPPY", UsageError, "Did you mean 'SPY'"),
    ],
)
def test_what_cannot_be_explained_says_what_can(
    on: str, symbol: str | None, error: type[PlimsollError], said: str, run: Run
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        app.explain(run.where, on, symbol)


def test_a_symbol_may_be_typed_in_lower_case(run: Run) -> None:
    assert app.explain(run.where, START, "spy").symbols[0].symbol == "SPY"


def test_replay_gives_the_journaled_bytes(run: Run) -> None:
    chosen = [run.records[0], run.records[1], next(r for r in run.records[30:] if r.auction), run.records[-1]]
    for record in chosen:
        result = app.replay(run.where, record.session)
        assert result.identical and result.same_decision and result.same_morning, result
        assert result.journaled == result.replayed and not result.differs and not result.fields


def test_replay_tells_another_code_from_another_decision(run: Run) -> None:
    record = run.records[40]
    with run.past(record.session) as past:
        before = list(past.reader.before(record.session))

    def again(journaled: CycleRecord) -> tuple[bool, bool, tuple[str, ...], tuple[str, ...]]:
        payload = codec.encode(journaled)[1]
        r = engine_replay(before, journaled, payload, past.history, past.run_context, codec.encode, run.name)
        return r.identical, r.same_decision, r.differs, r.fields

    assert again(record) == (True, True, (), ())
    assert again(replace(record, code="older")) == (False, True, ("code",), ())
    assert again(replace(record, cash=record.cash + 1)) == (False, False, (), ("cash",))
    assert again(replace(record, policy="other"))[1:] == (False, ("policy",), ("policy",))


def test_the_policy_of_a_run_is_its_own_whatever_is_in_force_now(run: Run) -> None:
    other = app.Workspace(run.where.home, profile="institutional")
    assert app.replay(other, run.records[5].session, run.name).identical
    kept = run.runs.policy(run.name, run.records[0].policy)
    assert kept is not None and kept.account.capital == 100_000.0
    assert [s.run for s in app.runs(run.where)] == [run.name]


def test_an_altered_policy_is_found_and_a_missing_one_is_asked_for(run: Run) -> None:
    path = Path(run.runs.policy_file(run.name))
    stored = path.read_bytes()
    other = app.Workspace(run.where.home, profile="institutional")
    try:
        path.write_bytes(stored.replace(b"100000.0", b"100001.0"))
        with pytest.raises(CheckFailed, match="is not the policy"):
            app.explain(run.where, START)
        path.unlink()
        assert app.replay(run.where, START).identical  # the present policy is the run's
        with pytest.raises(InputError, match="was not stored"):
            app.replay(other, START)
    finally:
        path.write_bytes(stored)


def command(run: Run, *words: str) -> Done:
    return plimsoll(*words, home=run.where.home, env={"COLUMNS": "80"})


def test_the_command_prints_a_chain_that_fits_eighty_columns(run: Run) -> None:
    record, symbol, *_ = next(line for line in lines(run) if line[2] == "EXECUTE")
    done = command(run, "explain", "--on", record.session, "--symbol", symbol)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("SYNTHETIC DATA")
    assert [s for s in said if s and not s.startswith(" ")][2:13] == [
        "outcome", "data", "indicators", "forecast", "auction", "target portfolio", "restraints", "order", "gates",
        "vetoes", "fill",
    ]  # fmt: skip
    assert max(map(len, said)) <= 80


def test_the_command_prints_the_session_in_a_page_and_as_json(run: Run) -> None:
    day = run.records[100].session
    page = command(run, "explain", "--on", day)
    assert page.returncode == 0 and "restraints" in page.stdout and "--symbol" in page.stdout
    told = json.loads(command(run, "explain", "--on", day, "--json").stdout)
    assert told["session"] == day and told["run"] == run.name and told["synthetic"] is True
    assert {c["symbol"] for c in told["symbols"]} >= {"SPY", "GLD"}
    assert all(c["steps"] for c in told["symbols"])


def test_the_replay_command_exits_zero_and_says_identical(run: Run) -> None:
    done = command(run, "replay", "--on", run.records[7].session)
    assert done.returncode == 0, done.stderr
    assert "identical" in done.stdout
    assert json.loads(command(run, "replay", "--on", run.records[7].session, "--json").stdout)["identical"] is True


def test_a_passage_holds_the_events_between_its_neighbours(run: Run) -> None:
    events = app.journaled(run.where, run.name)
    places = [i for i, e in enumerate(events) if isinstance(e, CycleRecord)]
    for n in (0, 1, 57, len(places) - 1):
        found = passage(run, run.records[n].session)
        assert found is not None and found.record == run.records[n] and found.genesis == events[0]
        assert found.before == (run.records[n - 1] if n else None)
        start = places[n - 1] + 1 if n else places[n]
        stop = places[n + 1] if n + 1 < len(places) else len(events)
        assert found.pre_open == events[start : places[n]]
        assert found.after == events[places[n] + 1 : stop]
        assert codec.decode("cycle", found.payload) == found.record
    assert passage(run, "2000-01-03") is None and passage(run, "2100-01-04") is None


def test_the_account_before_a_session_is_the_fold_of_every_event_before_it(run: Run) -> None:
    events = app.journaled(run.where, run.name)
    places = [i for i, e in enumerate(events) if isinstance(e, CycleRecord)]
    for n in (0, 1, 57, len(places) - 1):
        with run.runs.open(run.name) as reader:
            given = list(reader.before(run.records[n].session))
        part, whole = recover(given), recover(events[: places[n]])
        assert str(part) == str(whole) and part.state.cash == whole.state.cash
        assert sum(isinstance(e, CycleRecord) for e in given) == min(n, 1)
