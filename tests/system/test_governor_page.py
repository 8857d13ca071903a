"""The page on the governor: its Python runs as it stands, and its tables hold all that the code knows."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from plimsoll.core.reasons import REASONS
from plimsoll.governor import checks as governor_checks
from plimsoll.governor import clock as governor_clock
from plimsoll.governor import governor
from plimsoll.governor import protocol_lines as govern_lines
from plimsoll.governor.limits import limits_of
from plimsoll.governor.protocol import LineProtocol
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore

PAGE = Path(__file__).resolve().parents[2] / "docs" / "governor.md"


def test_the_examples_of_what_a_venue_reports_run_and_say_what_they_say(tmp_path: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(examples) >= 6
    env = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL")}
    env |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "PLIMSOLL__GOVERNOR__LATENCY_MAX": "600000",
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(examples)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = set(re.findall(r'g\.tell\("(\w+)"', "\n".join(examples)))
    assert {"fill", "correct", "bust", "external", "split", "dividend", "settle", "transfer", "snapshot"} <= told


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the tables below a heading, by each code in their first cell; of two the first."""
    text = re.split(r"^##? ", PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2], flags=re.M)[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {name: row[1:] for row in reversed(cells) for name in re.findall(r"`([A-Za-z_]+)`", row[0])}


def test_every_message_and_field_is_in_the_table_of_messages() -> None:
    table = rows("Messages")
    for kind, needed in govern_lines.FIELDS.items():
        plain, _, optional = table[kind][0].partition("*")
        named = set(re.findall(r"`(\w+)`", plain)), set(re.findall(r"`(\w+)`", optional))
        may_be_absent = govern_lines.OPTIONAL.get(kind, set())
        if kind == "quote":  # one without bid or ask is read, and leaves a doubt
            needed, may_be_absent = needed | may_be_absent, set()
        assert named == (needed, may_be_absent), kind


def codes_in(*functions: Callable[..., object]) -> set[str]:
    """The reason codes that stand in the source of functions."""
    text = "".join(inspect.getsource(function) for function in functions)
    return set(re.findall(r'"([A-Z][A-Z_]+)"', text)) & REASONS.keys()


def test_every_code_that_refuses_an_order_is_in_the_table_with_what_a_reduction_meets() -> None:
    checks, clock = governor_checks, governor_clock
    always = codes_in(checks._market_checks) | {"NO_SESSION"} | {"BAD_QUANTITY", "BAD_PRICE", "BAD_TIME"}
    always |= {"DUPLICATE_INTENT", "ORDER_CLOSED", "STORE_LOST", "STORE_BUSY"}
    marked = codes_in(clock.untimely) | {"LATE", "NO_QUOTE", "STALE_QUOTE", "PRICE_UNKNOWN"}
    every = codes_in(checks.check_order, checks._limit_checks, governor.Governor, govern_lines._order) | always | marked
    table = rows("Reason codes")
    assert table.keys() == every
    for code, (_, meets, ends) in table.items():
        said = "refused" if code in always else "passes, marked" if code in marked else "passes"
        assert meets.startswith(said) and ("marked" in meets) == (said == "passes, marked"), code
        assert ends, code


def test_everything_status_shows_is_in_its_table() -> None:
    account = governor.Governor(MemoryStateStore(), limits_of(policy_file.load("micro").policy))
    (said,) = LineProtocol(account, 1, lambda: 0).answer([b'{"type":"status"}'])
    assert json.loads(said).keys() <= rows("Messages").keys()
