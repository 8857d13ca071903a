"""A snapshot is what was published, or it is refused (D14)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plimsoll.core.errors import CheckFailed, CorruptionError, InputError
from plimsoll.core.instrument import Instrument, Membership
from plimsoll.core.panel import FIELDS, Certification, Flag, Panel
from plimsoll.core.policy import Policy
from plimsoll.core.sessions import Sessions
from plimsoll.market import snapshot
from plimsoll.market.status import certified


def panel(rows: int = 6) -> Panel:
    rng = np.random.default_rng(5)
    fields = {name: rng.normal(100.0, 1.0, (rows, 2)) for name in FIELDS}
    if rows:
        fields["close"][0, 1] = np.nan
    days = np.arange(4, 4 + rows)
    flag = Flag("OFF_GRID_ROWS", "note", "1970-01-05", "1970-01-06", 2)
    return Panel(
        sessions=Sessions(days, days * 86400, days * 86400 + 7, 4 + rows),
        instruments=(
            Instrument("AAA", "stock", "XNYS", members=(Membership("1970-01-01", None),), aliases={"x": "y"}),
            Instrument("BTC-USD", "crypto", "24/7", lots_per_unit=10_000, max_weight=0.1),
        ),
        **fields,
        fresh=np.ones((rows, 2), dtype=bool),
        certifications=(
            Certification(
                "AAA", "ACTIVE", rows, rows, 0.0, 1.0 / 3.0, (), (flag,), "files", "1970-01-05", "1970-01-10"
            ),
            Certification("BTC-USD", "DEGRADED", rows, rows, 0.1, 0.7, ("STUCK_SERIES",), ended=True),
        ),
        macro=rng.normal(size=(rows, 1)),
        macro_names=("DGS3MO",),
        snapshot="",
        synthetic=True,
        derived_universe=False,
    )


def test_what_was_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    written = panel()
    folder = snapshot.write(written, tmp_path, "run-1")
    read = snapshot.load(folder)
    for name in (*FIELDS, "fresh", "macro"):
        assert getattr(read, name).tobytes() == getattr(written, name).tobytes()
    for name in ("days", "opens", "closes"):
        assert getattr(read.sessions, name).tolist() == getattr(written.sessions, name).tolist()
    assert read.sessions.next_day == written.sessions.next_day
    for name in ("instruments", "certifications", "macro_names", "synthetic", "derived_universe"):
        assert getattr(read, name) == getattr(written, name)
    assert read.snapshot == folder.name
    assert snapshot.read_manifest(folder).run == "run-1"


def test_arrays_are_contiguous_rows_that_nobody_can_change(tmp_path: Path) -> None:
    read = snapshot.load(snapshot.write(replace(panel(), close=np.asfortranarray(panel().close)), tmp_path))
    for name in (*FIELDS, "fresh", "macro"):
        values = getattr(read, name)
        assert type(values) is np.ndarray
        assert values.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            values[0, 0] = 0


def test_the_name_follows_the_content_and_not_the_run(tmp_path: Path) -> None:
    first = snapshot.write(panel(), tmp_path, "run-1")
    assert snapshot.write(panel(), tmp_path, "run-2") == first
    changed = panel()
    changed.close[3, 0] = np.nextafter(changed.close[3, 0], 1e9)
    assert snapshot.write(changed, tmp_path) != first
    assert snapshot.write(replace(panel(), synthetic=False), tmp_path) != first
    assert snapshot.write(replace(panel(), macro_names=("DGS10",)), tmp_path) != first
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", [f"{n}.npy" for n in snapshot.ARRAYS])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_damage_to_any_file_is_found_and_named(tmp_path: Path, name: str, damage: str) -> None:
    folder = snapshot.write(panel(), tmp_path)
    path = folder / name
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(content[:-8])
    else:
        path.unlink()
    with pytest.raises(CorruptionError, match=name) as refused:
        snapshot.load(folder)
    assert "ingest" in refused.value.remedy
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"DEGRADED"', b'"ACTIVE"'),
        (b'"next_day": 10', b'"next_day": 11'),
        (b'"format": 2', b'"format": 3'),
        (b"{", b"["),
    ],
)
def test_an_altered_manifest_is_found(tmp_path: Path, old: bytes, new: bytes) -> None:
    folder = snapshot.write(panel(), tmp_path)
    path = folder / snapshot.MANIFEST
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(CorruptionError, match="manifest"):
        snapshot.load(folder)


def test_a_damaged_snapshot_is_mended_by_publishing_again(tmp_path: Path) -> None:
    folder = snapshot.write(panel(), tmp_path)
    (folder / "close.npy").write_bytes(b"")
    assert snapshot.write(panel(), tmp_path) == folder
    assert snapshot.load(folder).close.shape == (6, 2)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / ".writing-1").mkdir()
    monkeypatch.setattr(snapshot, "_durable", full)
    with pytest.raises(OSError, match="No space"):
        snapshot.write(panel(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_pointer_names_the_current_snapshot(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no certified snapshot"):
        snapshot.current(tmp_path)
    folder = snapshot.write(panel(), tmp_path)
    snapshot.set_current(tmp_path, folder)
    assert snapshot.current(tmp_path) == folder
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([snapshot.POINTER, folder.name])


@pytest.mark.parametrize("text", [b"", b"../../etc", b"\xff\xfe", b"0" * 63, b"G" * 64])
def test_a_pointer_to_nonsense_is_corruption(tmp_path: Path, text: bytes) -> None:
    (tmp_path / snapshot.POINTER).write_bytes(text)
    with pytest.raises(CorruptionError):
        snapshot.current(tmp_path)


def test_a_folder_without_manifest_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no snapshot"):
        snapshot.load(tmp_path / ("0" * 64))


def test_a_snapshot_without_a_usable_bar_cannot_be_traded_on(tmp_path: Path) -> None:
    folder = snapshot.write(panel(rows=0), tmp_path)
    assert len(snapshot.read_manifest(folder).content.certifications) == 2
    with pytest.raises(CheckFailed, match="no usable bar"):
        snapshot.load(folder)


def test_loading_imports_no_frame_sql_or_calendar_library() -> None:
    code = (
        "import sys, plimsoll.market.snapshot; "
        "print([m for m in ('pandas', 'polars', 'sqlalchemy', 'exchange_calendars', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_snapshot_of_the_format_before_can_be_looked_at_but_not_started_from(tmp_path: Path) -> None:
    """It is judged on every date as it was at its end, which is what its runs decided with (D12, D14)."""
    newer = snapshot.write(panel(), tmp_path)
    content = json.loads((newer / snapshot.MANIFEST).read_text())["content"]
    content["format"] = 1
    for name in snapshot.DATED:
        del content["arrays"][name]
    for one in content["certifications"]:
        del one["active_from"]
        for flag in one["flags"]:
            del flag["detail"]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    older = tmp_path / hashlib.sha256(text.encode()).hexdigest()
    newer.rename(older)
    (older / snapshot.MANIFEST).write_text(json.dumps({"content": content, "run": "old"}))
    read = snapshot.load(older)
    assert read.dated is None
    assert read.certified.sound[:, 0].all() and not read.certified.sound[:, 1].any()
    assert read.certified.quality[0, 1] == 0.7
    snapshot.check(older)
    snapshot.set_current(tmp_path, older)
    with pytest.raises(InputError, match="before certification was dated") as refused:
        certified(tmp_path, Policy(), tmp_path / "halt.log", "2026-11-20T00:00:00Z")
    assert "plimsoll ingest" in (refused.value.remedy or "")
