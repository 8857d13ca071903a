"""``plimsoll providers``: the matrix and its routes as a person would ask for them (D3, D4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest


def told(**env: str) -> dict[tuple[str, str], Any]:
    return {(r["purpose"], r["kind"]): r for r in found(**env)["routes"]}


def found(**env: str) -> Any:
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_ENABLED")}
    words = [sys.executable, "-m", "plimsoll", "providers", "--json"]
    done = subprocess.run(words, env={**clean, **env}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_without_entitlements_and_adapters_nothing_is_pretended() -> None:
    routes = told()
    assert routes["history", "stock"] == {
        "purpose": "history", "kind": "stock", "provider": "NO_VALID_PROVIDER", "reason": "none",
        "skips": [["yahoo", "adapter"], ["polygon", "entitlement"], ["tiingo", "entitlement"]],
    }  # fmt: skip
    assert routes["research", "stock"]["provider"] == "files"
    assert {r["provider"] for (purpose, _), r in routes.items() if purpose == "execution"} == {"NO_VALID_PROVIDER"}


@pytest.mark.parametrize(("value", "cause"), [("true", "adapter"), ("false", "entitlement")])
def test_a_grant_is_seen_in_what_a_provider_still_lacks(value: str, cause: str) -> None:
    assert told(ALPACA_ENABLED=value)["quotes", "fund"]["skips"][0] == ["alpaca", cause]


def test_the_matrix_says_who_is_built_and_those_say_how_they_are() -> None:
    shown = found()
    built = [row["provider"] for row in shown["matrix"] if row["built"]]
    assert (len(shown["matrix"]), built) == (14, ["files", "synthetic"])
    assert [(c["provider"], c["reachable"], c["entitled"]) for c in shown["checks"]] == [
        ("files", True, True), ("synthetic", True, True),
    ]  # fmt: skip
