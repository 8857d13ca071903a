"""``plimsoll providers``: the matrix and its routes as a person would ask for them (D3, D4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest


def told(**env: str) -> dict[tuple[str, str], Any]:
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_ENABLED")}
    words = [sys.executable, "-m", "plimsoll", "providers", "--json"]
    done = subprocess.run(words, env={**clean, **env}, capture_output=True, text=True, check=True)
    return {(r["purpose"], r["kind"]): r for r in json.loads(done.stdout)["routes"]}


def test_without_entitlements_only_free_data_is_routed_and_nothing_executes() -> None:
    routes = told()
    assert routes["history", "stock"]["provider"] == "yahoo"
    assert routes["quotes", "fund"]["provider"] == "NO_VALID_PROVIDER"
    assert {r["provider"] for (purpose, _), r in routes.items() if purpose == "execution"} == {"NO_VALID_PROVIDER"}


@pytest.mark.parametrize(("value", "provider"), [("true", "alpaca"), ("false", "NO_VALID_PROVIDER")])
def test_a_granted_provider_serves_its_quotes(value: str, provider: str) -> None:
    assert told(ALPACA_ENABLED=value)["quotes", "fund"]["provider"] == provider
