"""The daemon's log: lines of JSON without secrets, on a disk that may fail (E2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plimsoll.operate import daemon_log
from plimsoll.operate.daemon_log import DaemonLog, redacted

CANARY = "c4n4ry-5ecret"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /v2/account?api_key={CANARY}&x=1", f"secret: {CANARY}", f'{{"APCA-API-SECRET-KEY": "{CANARY}"}}',
        f"signature={CANARY}", f"password = {CANARY}", f"listen token={CANARY}; more", f"x-api-key: {CANARY}",
    ],
)  # fmt: skip
def test_no_secret_is_written(text: str, tmp_path: Path) -> None:
    log = DaemonLog(tmp_path, lambda: "now")
    log.error("VENUE", text)
    for name in ("live.jsonl", "errors.jsonl"):
        written = (tmp_path / name).read_text()
        assert CANARY not in written and "[redacted]" in written


def test_what_is_no_secret_stays() -> None:
    text = "2024-08-20 NAV 10395592 RESTRICTED; the keys of both sides are there"
    assert redacted(text) == text


def test_a_line_has_time_level_kind_and_text(tmp_path: Path) -> None:
    log = DaemonLog(tmp_path, lambda: "2026-01-05T10:00:00Z")
    log.info("DECIDED", "one")
    log.error("DISK", 'two "quoted"\n')
    lines = [json.loads(line) for line in (tmp_path / "live.jsonl").read_text().splitlines()]
    assert lines[0] == {"at": "2026-01-05T10:00:00Z", "level": "info", "kind": "DECIDED", "text": "one"}
    assert [line["kind"] for line in lines] == ["DECIDED", "DISK"]
    assert len((tmp_path / "errors.jsonl").read_text().splitlines()) == 1


def test_a_log_that_grew_large_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_log, "_MOST", 100)
    log = DaemonLog(tmp_path, lambda: "now")
    for _ in range(5):
        log.info("BEAT", "x" * 60)
    assert (tmp_path / "live.jsonl.1").exists() and (tmp_path / "live.jsonl").stat().st_size < 250


def test_a_disk_that_fails_raises_nothing(tmp_path: Path) -> None:
    DaemonLog(tmp_path / "gone", lambda: "now").error("DISK", "full")
