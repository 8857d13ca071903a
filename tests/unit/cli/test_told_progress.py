"""Long work says in a log how far it is; short work says nothing."""

from __future__ import annotations

import pytest

from plimsoll.cli.progress import named_progress, progress


def test_long_work_is_told_at_each_quarter_and_short_work_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("backtest") as report:
        assert report is not None
        for done in range(0, 2264, 22):
            report(done, 2264)
        report(2264, 2264)
    assert capsys.readouterr().err.splitlines() == [
        "backtest: 572 of 2,264", "backtest: 1,144 of 2,264", "backtest: 1,716 of 2,264"
    ]  # fmt: skip
    with progress("demo", logged=False) as none:
        assert none is None
    with named_progress() as named:
        assert named is not None
        for done in range(999):
            named("SPY", done, 999)
        named("nothing", 0, 0)
    assert capsys.readouterr() == ("", "")
