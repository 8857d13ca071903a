"""What reaches a terminal commands nothing, whoever wrote it, and stays what it was as JSON (O10)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import plimsoll.cli
from plimsoll.account.record import AccountRecord
from plimsoll.account.record_rules import Signatory
from plimsoll.account.signing import Signer, new_key
from plimsoll.cli.main import cli
from plimsoll.cli.terminal import json_text
from plimsoll.core.account_record import Caps, Key, Limits
from plimsoll.core.errors import UsageError, one_line, printable, said
from plimsoll.core.runs import RunSummary
from plimsoll.store.home import Home

CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
DIRECTIONS = [*range(0x200B, 0x2010), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0xE0041]
HOSTILE = [chr(n) for n in (*CONTROLS, *DIRECTIONS)]
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0041]")
SHOUT = "\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\u200b\x7f"


@pytest.mark.parametrize("one", [*HOSTILE, "\ud800", "\udfff"])
def test_each_is_shown_and_not_sent(one: str) -> None:
    shown = one_line(f"a{one}b")
    assert shown.isascii() and shown.isprintable() and shown != f"a{one}b" and shown[0] + shown[-1] == "ab"
    assert (printable(one) == one) is (one in "\n\t")
    assert printable(printable(f"a{one}b")) == printable(f"a{one}b")
    with pytest.raises(UsageError, match="--reason has line breaks or characters that cannot be seen"):
        said(f"a{one}b", "--reason")


@pytest.mark.parametrize("text", ["as agreed", "Für Müller: 5 % mehr", "日本語", "a\u00a0b", "🙂"])
def test_plain_words_of_any_script_stay(text: str) -> None:
    assert said(f" {text} ", "--reason") == text == printable(text)
    with pytest.raises(UsageError, match="--reason is empty"):
        said(" \n", "--reason")


@given(st.text(st.characters()) | st.text(st.sampled_from(HOSTILE)))
def test_json_holds_what_it_held_and_sends_nothing(text: str) -> None:
    for indent in (0, 2):
        made = json_text({"reason": text}, indent)
        assert json.loads(made) == {"reason": text} and not RAW.search(made)
    assert json.loads(json_text([f"\udcff{text}"])) == [f"\udcff{text}"]


def test_nothing_prints_past_it() -> None:
    """Every command's text goes through ``say``, the console of ``cli.tables`` or ``json_text``."""
    folder = Path(plimsoll.cli.__file__).parent
    found = {
        path.name
        for path in folder.glob("*.py")
        if re.search(
            r"typer\.(echo|secho)\(|\bclick\.echo\(|(?<![\w.])(?<!def )print\(", path.read_text(encoding="utf-8")
        )
    }
    assert found == {"terminal.py", "main.py"}  # main says the version of the package


def run(home: Path, *words: str, status: int = 0) -> str:
    done = CliRunner().invoke(cli, ["--home", str(home), *words], catch_exceptions=False)
    assert done.exit_code == status, done.output
    assert not RAW.search(done.output)
    return str(done.output)


def test_what_a_record_of_before_holds_is_shown_as_escapes(tmp_path: Path) -> None:
    record = AccountRecord(Home(tmp_path / "home"))
    record.open("one", "t")
    caps = Caps(loss="1.00", position="1.00", turnover="1.00", trade="1.00")
    public = new_key(tmp_path / "ann")
    record.append(Key(action="trust", person="ann", public_key=public))
    limits = Limits(mode="paper", profile="micro", capital="1000.00", caps=caps, reason=f"{SHOUT}\nSIGNED by bob")
    record.append(limits, Signatory("ann", Signer(tmp_path / "ann"), f"now{SHOUT}"))
    for command in ("show", "history"):
        shown = run(tmp_path / "home", "limits", command)
        assert "\\x1b]0;owned" in shown.replace("\n", "") and "\nSIGNED" not in shown
        told = json.loads(run(tmp_path / "home", "limits", command, "--json"))
        assert (told if command == "show" else told[-1])["reason"].endswith(f"{SHOUT}\nSIGNED by bob")


def test_what_is_signed_holds_none(tmp_path: Path) -> None:
    home, key = tmp_path / "home", str(tmp_path / "ann")
    run(home, "keys", "trust", "ann", new_key(tmp_path / "ann"))
    before = (home / "account.jsonl").read_bytes()
    who = ("--person", "ann", "--key", key)
    told = run(home, "limits", "sign", "--profile", "micro", *who, "--reason", SHOUT, status=2)
    assert "--reason has line breaks or characters that cannot be seen: \\x1b]0;owned" in told
    run(home, "approve", "size", *who, "--reason", "a\u202eb", status=2)
    run(home, "limits", "sign", "--profile", "micro", "--person", SHOUT, "--key", key, "--reason", "x", status=3)
    run(home, "keys", "trust", SHOUT, "0" * 64, "--by", "ann", "--key", key, status=2)
    assert (home / "account.jsonl").read_bytes() == before


def test_runs_name_what_is_in_their_files_without_sending_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.folder(home.runs)
    summary = RunSummary(
        "backtest-1", "backtest", "2020-01-02", "2020-12-31", "snap", "pol", 100, ("trend",), False, True,
        status="failed", reason=f"it said {SHOUT}", tag=f"t{SHOUT}", policy_name=SHOUT,
    )  # fmt: skip
    (home.runs / "backtest-1.json").write_bytes(msgspec.json.encode(summary))
    run(tmp_path, "runs")
    (told,) = json.loads(run(tmp_path, "runs", "--json"))
    assert told["reason"] == f"it said {SHOUT}" and told["tag"] == f"t{SHOUT}"
    (home.runs / f"b{SHOUT}.json").write_bytes(msgspec.json.encode(summary))
    run(tmp_path, "runs", "--json")
    run(tmp_path, "explain", "--run", f"x{SHOUT}", status=2)
