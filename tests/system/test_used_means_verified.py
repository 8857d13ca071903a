"""Nobody uses a journal that was not verified first, to an end that is kept outside it, and each says to where (G3)."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from commands import Done, plimsoll
from plimsoll import notebook
from plimsoll.core.errors import CorruptionError
from plimsoll.store.home import Home
from plimsoll.store.runs import RunFiles

WORDS = ("--tickers", "SPY,GLD,TLT", "--start", "2014-01-02")
READERS = {
    "report": ("report",),
    "explain": ("explain", "--on", "2019-06-03"),
    "explain one": ("explain", "--on", "2019-06-03", "--symbol", "SPY"),
    "replay": ("replay", "--on", "2019-06-03"),
    "risk": ("risk",),
    "costs": ("costs",),
    "compare": ("compare", "last", "last"),
    "audit": ("audit", "verify"),
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("verified") / "home"
    assert plimsoll("ingest", "--provider", "synthetic", *WORDS, home=home).returncode == 0
    assert plimsoll("backtest", "--start", "2019-01-02", "--end", "2019-12-31", home=home).returncode == 0
    return home


@pytest.fixture
def home(market: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(market, tmp_path / "home"))


def run_of(home: Path, mode: str = "backtest") -> Path:
    [found] = (home / "runs").glob(f"{mode}-2*.db")
    return found


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A journal as somebody opens it who may do anything to the file."""
    connection = sqlite3.connect(path)
    for trigger in ("journal_no_update", "journal_no_delete", "journal_in_order"):
        connection.execute(f"DROP TRIGGER {trigger}")
    yield connection
    connection.commit()
    connection.close()


def altered(path: Path) -> int:
    """Halve the lots of an early fill; its record's number."""
    with opened(path) as c:
        seq, text = c.execute("SELECT seq, payload FROM journal WHERE kind = 'fill' ORDER BY seq LIMIT 1").fetchone()
        fill = json.loads(text)
        fill["lots"] //= 2
        payload = json.dumps(fill, sort_keys=True, separators=(",", ":"))
        c.execute("UPDATE journal SET payload = ? WHERE seq = ?", (payload, seq))
    return int(seq)


def rewritten(path: Path) -> int:
    """The same, with every hash after it and the head made to fit; the number of records."""
    altered(path)
    with sqlite3.connect(path) as c:
        prev = "0" * 64
        for seq, kind, payload in c.execute("SELECT seq, kind, payload FROM journal ORDER BY seq").fetchall():
            head = hashlib.sha256(f"plimsoll.journal.v2|{seq}|{prev}|{kind}|".encode() + payload.encode()).hexdigest()
            c.execute("UPDATE journal SET prev = ?, hash = ? WHERE seq = ?", (prev, head, seq))
            prev = head
        c.execute("UPDATE head SET hash = ?", (prev,))
    return int(seq)


def cut(path: Path) -> int:
    """Take the last session away and make the head fit; the number of the first record that is gone."""
    with opened(path) as c:
        [(last,)] = c.execute("SELECT max(seq) FROM journal WHERE kind = 'cycle'").fetchall()
        c.execute("DELETE FROM journal WHERE seq >= ?", (last,))
        c.execute("UPDATE head SET count = ?1 - 1, hash = (SELECT hash FROM journal WHERE seq = ?1 - 1)", (last,))
    return int(last)


def without_anchor(path: Path) -> None:
    summary = json.loads(path.with_suffix(".json").read_text())
    summary["records"], summary["head"] = None, ""
    path.with_suffix(".json").write_text(json.dumps(summary))


def summary_gone(path: Path) -> None:
    path.with_suffix(".json").unlink()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("harm", [altered, rewritten, cut, without_anchor, summary_gone])
def test_a_journal_that_is_not_what_was_written_is_used_by_nobody(
    reader: str, harm: Callable[[Path], Any], home: Path
) -> None:
    path = run_of(home)
    bad = harm(path)
    words = READERS[reader]
    if reader == "compare":
        words = ("compare", path.stem, path.stem)
    elif harm is summary_gone:  # without it the run counts as one that was interrupted
        words = (*words, "--run", path.stem)
    done = plimsoll(*words, home=home)
    assert done.returncode == 3, done
    said = done.stdout + done.stderr
    if harm is altered:
        assert f"record {bad} is not what was written" in said
    elif harm is cut:
        assert f"the file holds {bad - 1}" in said
    elif harm is rewritten:
        assert f"the anchor names another record {bad}" in said
    else:
        assert "its end cannot be proven" in said
    assert not list((home / "reports").glob("*"))


def told(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_whoever_reads_a_journal_says_to_which_head_it_was_verified(home: Path) -> None:
    kept = json.loads(run_of(home).with_suffix(".json").read_text())
    proof = {"records": kept["records"], "head": kept["head"], "anchored": True}
    for reader in ("explain", "explain one", "replay", "risk", "costs"):
        assert told(plimsoll(*READERS[reader], "--json", home=home))["journal"] == proof
        text = plimsoll(*READERS[reader], home=home).stdout
        assert f"{kept['records']} records, verified to head {kept['head'][:16]}" in text
    sides = told(plimsoll("compare", "last", "last", "--json", home=home))
    assert sides["a"]["journal"] == sides["b"]["journal"] == proof
    audit = told(plimsoll("audit", "verify", "--json", home=home))
    assert audit["head"] == kept["head"] and audit["anchored"]
    assert kept["head"] in Path(plimsoll("report", home=home).stdout.strip()).read_text()
    result = json.loads(run_of(home).with_suffix(".result.json").read_text())
    assert result["journal"] == proof
    assert notebook.open(home).run().result.journal.head == kept["head"]  # type: ignore[union-attr]


def test_a_notebook_reads_no_altered_journal(home: Path) -> None:
    run = notebook.open(home).run()
    seq = altered(run_of(home))
    with pytest.raises(CorruptionError, match=f"record {seq} is not what was written"):
        _ = run.fills
    with pytest.raises(CorruptionError, match=f"record {seq}"):
        notebook.open(home).run()


def test_runs_say_which_figures_are_not_those_of_the_result(home: Path) -> None:
    path = run_of(home)
    [sound] = told(plimsoll("runs", "--json", home=home))
    assert sound["status"] == "finished" and not sound["reason"]
    summary = json.loads(path.with_suffix(".json").read_text())
    for name, value in (("total_return", 9.9), ("sharpe", 5.0), ("result_hash", "0" * 64), ("sessions", 1)):
        path.with_suffix(".json").write_text(json.dumps({**summary, name: value}))
        [one] = told(plimsoll("runs", "--json", home=home))
        assert one["status"] == "altered", name
    path.with_suffix(".json").write_text(json.dumps({**summary, "run": "another"}))
    [one] = told(plimsoll("runs", "--json", home=home))
    assert (one["run"], one["status"]) == (path.stem, "altered") and "the run another" in one["reason"]
    path.with_suffix(".json").write_text(json.dumps(summary))
    path.with_suffix(".result.json").unlink()
    [one] = told(plimsoll("runs", "--json", home=home))
    assert "no stored result" in one["reason"]
    assert "no stored result" in plimsoll("runs", home=home).stdout


def test_a_result_without_the_hash_of_its_bytes_is_not_believed(home: Path) -> None:
    path = run_of(home)
    summary = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**summary, "result_hash": ""}))
    done = plimsoll("compare", "last", "last", home=home)
    assert done.returncode == 3 and "was altered after the run" in done.stderr


def paper(home: Path, *words: str) -> Done:
    return plimsoll("trade", "--mode", "paper", "--recorded", *words, home=home)


@pytest.mark.parametrize("harm", [altered, rewritten, cut, without_anchor, summary_gone])
def test_a_paper_book_does_not_go_on_from_an_altered_journal(harm: Callable[[Path], Any], home: Path) -> None:
    """One that ended and is taken further has to hold the record it ended at."""
    assert paper(home, "--start", "2019-01-02", "--end", "2019-03-29").returncode == 0
    path = run_of(home, "paper")
    harm(path)
    before = {p.name: p.read_bytes() for p in path.parent.glob("paper-*")}
    done = paper(home, "--resume", path.stem, "--end", "2019-04-30")
    assert done.returncode == 3, done
    after = {p.name: p.read_bytes() for p in path.parent.glob("paper-*")}
    assert {name: content for name, content in after.items() if not name.endswith((".db", "-wal", "-shm"))} == {
        name: content for name, content in before.items() if not name.endswith(".db")
    }
    with sqlite3.connect(path) as c:
        assert (
            c.execute("SELECT max(payload ->> 'session') FROM journal WHERE kind = 'cycle'").fetchone()[0] < "2019-04"
        )


def test_a_paper_book_that_goes_on_keeps_where_it_ended_until_it_ends_anew(home: Path) -> None:
    assert paper(home, "--start", "2019-01-02", "--end", "2019-03-29").returncode == 0
    path = run_of(home, "paper")
    first = json.loads(path.with_suffix(".json").read_text())
    store = RunFiles(Home(home))
    begun = json.loads(path.with_suffix(".json").read_text()) | {"finished": False, "status": "interrupted"}
    path.with_suffix(".json").write_text(json.dumps(begun))  # as it stands while it goes on
    assert store.audit(path.stem).ok and not store.audit(path.stem).anchored
    done = paper(home, "--resume", path.stem, "--end", "2019-04-30")
    assert done.returncode == 0, done
    second = json.loads(path.with_suffix(".json").read_text())
    assert second["records"] > first["records"] and store.audit(path.stem).anchored
    path.with_suffix(".json").write_text(json.dumps(second | {"records": first["records"], "head": second["head"]}))
    assert f"another record {first['records']}" in store.audit(path.stem).problem
