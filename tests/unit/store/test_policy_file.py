"""Profiles, YAML and environment become one policy; what does not fit is refused by name (U7)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.core.errors import InputError, PlimsollError, UsageError
from plimsoll.core.policy import Policy, policy_hash
from plimsoll.store.policy_file import PROFILES, Setting, described, load
from plimsoll.store.policy_yaml import BYTES_MAX, read_yaml


@pytest.fixture
def yaml(tmp_path: Path):
    def write(text: str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_anything_it_is_the_core_profile_and_no_yaml_library_is_loaded() -> None:
    loaded = load()
    assert loaded.policy == Policy()
    assert loaded.origin("cvar.budget_10") == "profile core"
    code = "import sys; from plimsoll.store.policy_file import load; load('core'); print('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_institutional_is_ten_fifteen_six_one() -> None:
    policy = load("institutional").policy
    limits = policy.limits
    assert (limits.weight_stock, limits.weight_sector, policy.cvar.hard_10, limits.gross_max) == (0.10, 0.15, 0.06, 1.0)
    assert limits.plain_symbols_are == "stock"
    assert max(entry.max_weight for entry in limits.assets.values()) <= 0.10
    assert limits.assets["GLD"].stop == Policy().limits.assets["GLD"].stop  # what it does not name it inherits


def test_small_accounts_have_small_trades() -> None:
    small, micro = load("small-live").policy, load("micro").policy
    assert (small.account.capital, small.shaping.min_trade, small.shaping.trades_max) == (1000.0, 5.0, 20)
    assert small.ladder.flatten_on_panic is True
    assert (micro.shaping.min_trade, micro.shaping.trades_max, micro.limits.weight_crypto) == (5.0, 60, 1.0)
    assert (micro.strategies.enabled, micro.strategies.trend_symbols) == (("core_trend",), ("SPY",))  # one symbol (A4)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_names_itself_and_has_a_hash_of_its_own(profile: str) -> None:
    loaded = load(profile)
    assert loaded.policy.profile == profile
    assert loaded.hash == policy_hash(loaded.policy)
    assert [load(p).hash for p in PROFILES].count(loaded.hash) == 1


def test_later_layers_win_and_each_value_knows_its_origin(yaml) -> None:
    first = yaml("cvar: {budget_10: 0.04, budget_1: 0.01}\n", "first.yaml")
    second = yaml("cvar:\n  budget_10: 0.03\nforecast:\n", "second.yaml")
    loaded = load("small-live", [first, second], {"PLIMSOLL__CVAR__WINDOW": "900", "PATH": "/bin"})
    assert (loaded.policy.cvar.budget_10, loaded.policy.cvar.budget_1, loaded.policy.cvar.window) == (0.03, 0.01, 900)
    assert loaded.policy.cvar.hard_10 == Policy().cvar.hard_10
    assert loaded.origin("cvar.budget_10") == f"file {second}"
    assert loaded.origin("cvar.budget_1") == f"file {first}"
    assert loaded.origin("cvar.window") == "environment PLIMSOLL__CVAR__WINDOW"
    assert loaded.origin("shaping.min_trade") == "profile small-live"
    assert loaded.origin("cvar.hard_10") == "profile core"
    assert loaded.policy.forecast == Policy().forecast  # an empty section changes nothing


def test_a_list_replaces_and_a_mapping_changes_rungs_by_name(yaml) -> None:
    by_name = load(files=[yaml("ladder: {rungs: {level_2: {cooldown: 7}}}\n")])
    assert [r.name for r in by_name.policy.ladder.rungs] == [r.name for r in Policy().ladder.rungs]
    assert by_name.policy.ladder.rungs[1].cooldown == 7
    assert by_name.origin("ladder.rungs.level_2.cooldown").startswith("file ")
    assert by_name.origin("ladder.rungs.level_2.threshold") == "profile core"
    whole = load(files=[yaml("ladder: {rungs: [{name: only, threshold: 0.2}]}\n")])
    assert [r.name for r in whole.policy.ladder.rungs] == ["only"]


def test_a_new_asset_joins_the_table(yaml) -> None:
    assets = load(files=[yaml("limits: {assets: {IWM: {max_weight: 0.2}}}\n")]).policy.limits.assets
    assert assets["IWM"].max_weight == 0.2
    assert assets["GLD"] == Policy().limits.assets["GLD"]


def test_the_seeds_environment_names_reach_the_policy() -> None:
    names = {
        "DRAWDOWN_HALT_THRESHOLD": "0.07", "DRAWDOWN_PANIC_THRESHOLD": "0.09", "HALT_COOLDOWN_DAYS": "11",
        "PANIC_COOLDOWN_DAYS": "21", "FLATTEN_ON_PANIC": "true", "RAMPUP_SIZING_PCT": "0.4", "RAMPUP_DAYS": "6",
        "MAX_NAN_PCT": "0.2", "MIN_HISTORY_DAYS": "300",
    }  # fmt: skip
    policy = load(env=names).policy
    rungs = {r.name: r for r in policy.ladder.rungs}
    assert (rungs["level_2"].threshold, rungs["level_2"].cooldown) == (0.07, 11)
    assert (rungs["panic"].threshold, rungs["panic"].cooldown) == (0.09, 21)
    assert (policy.ladder.halt_size, policy.ladder.halt_size_sessions) == (0.4, 6)
    assert policy.ladder.flatten_on_panic is True
    assert (policy.freshness.nan_max, policy.freshness.rows_min) == (0.2, 300)


def test_environment_names_reach_tables_lists_and_switches() -> None:
    policy = load(
        env={
            "PLIMSOLL__LIMITS__ASSETS__BTC-USD__MAX_WEIGHT": "0.05",
            "PLIMSOLL__STRATEGIES__ENABLED": "core_trend, xs_momentum",
            "PLIMSOLL__GATES__OFF": "",
            "PLIMSOLL__STOPS__TRAILING": "1",
        }
    ).policy
    assert policy.limits.assets["BTC-USD"].max_weight == 0.05
    assert policy.strategies.enabled == ("core_trend", "xs_momentum")
    assert policy.gates.off == ()
    assert policy.stops.trailing is True


def test_yaml_is_1_2_and_dates_are_text(yaml) -> None:
    path = yaml("cvar: {stress_windows: [[2008-09-01, 2009-03-31]]}\nbacktest: {benchmark: no}\n")
    policy = load(files=[path]).policy
    assert policy.cvar.stress_windows == (("2008-09-01", "2009-03-31"),)
    assert policy.backtest.benchmark == "no"


REFUSED = {
    "an unknown section": ("cvra: {window: 5}\n", ("cvra", "did you mean 'cvar'")),
    "an unknown key": ("cvar: {budgt_1: 0.1}\n", ("cvar.budgt_1", "did you mean 'budget_1'")),
    "a key without its section": ("budget_10: 0.1\n", ("budget_10", "did you mean 'cvar.budget_10'")),
    "an unknown key of a table": (
        "limits: {assets: {GLD: {max_wieght: 0.1}}}\n",
        ("assets.GLD.max_wieght", "max_weight"),
    ),
    "an unknown rung": ("ladder: {rungs: {levl_2: {cut: 0.1}}}\n", ("levl_2", "did you mean 'level_2'")),
    "per cent for a fraction": ("cvar: {budget_10: 6}\n", ("cvar.budget_10 is 6", "write 0.06 for 6 %")),
    "per cent in a table": ("limits: {assets: {GLD: {max_weight: 50}}}\n", ("GLD.max_weight is 50", "0.5 for 50 %")),
    "a negative fraction": ("cvar: {budget_10: -0.1}\n", ("cvar.budget_10 is -0.1", "at least 0")),
    "not a number": ("cvar: {budget_10: .nan}\n", ("cvar.budget_10 is nan", "finite")),
    "infinity": ("account: {capital: .inf}\n", ("account.capital is inf", "finite")),
    "zero capital": ("account: {capital: 0}\n", ("account.capital is 0", "above 0")),
    "text for a number": ("cvar: {window: many}\n", ("cvar.window is 'many'", "whole number")),
    "a value for a section": ("cvar: 3\n", ("cvar",)),
    "a section for a value": ("cvar: {window: {a: 1}}\n", ("cvar.window", "single value")),
    "an unknown choice": ("auction: {schedule: month_edn}\n", ("did you mean 'month_end'", "daily")),
    "a table entry without its cap": ("limits: {assets: {NEW: {stop: 0.1}}}\n", ("limits.assets.NEW", "max_weight")),
    "a key given twice": ("cvar:\n  window: 900\n  window: 901\n", ("line 3", "duplicate")),
    "broken YAML": ("cvar: [\n", ("not valid YAML", "line 2")),
    "a list": ("- 1\n", ("list",)),
    "a number as key": ("1: 2\n", ("key 1",)),
    "a tag": ("cvar: !!python/object:os.system x\n", ("not valid YAML",)),
    "two documents": ("a: 1\n---\nb: 2\n", ("not valid YAML",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_by_name(name: str, yaml) -> None:
    text, wanted = REFUSED[name]
    with pytest.raises(InputError) as caught:
        load(files=[yaml(text)])
    for word in (*wanted, "mine.yaml"):
        assert word in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({"MAX_NAN_PCT": "10"}, ("MAX_NAN_PCT", "freshness.nan_max", "0.1 for 10 %")),
        ({"FLATTEN_ON_PANIC": "maybe"}, ("FLATTEN_ON_PANIC", "maybe", "bool")),
        ({"PLIMSOLL__CVAR__WINDOW": "x"}, ("cvar.window", "'x'", "sessions")),
        ({"PLIMSOLL__CVAR": "x"}, ("section",)),
        ({"PLIMSOLL__CVAR__WINDW": "1"}, ("did you mean 'window'",)),
        ({"PLIMSOLL__LADDER__RUNGS__NONE__CUT": "1"}, ("ladder.rungs.NONE",)),
        ({"PLIMSOLL__CVAR__BUDGET_10": "nan"}, ("cvar.budget_10", "finite")),
    ],
)
def test_what_does_not_fit_from_the_environment_is_refused_by_name(
    env: dict[str, str], wanted: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        load(env=env)
    for word in wanted:
        assert word in str(caught.value)


def test_files_that_cannot_be_a_policy_are_refused(tmp_path: Path, yaml) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load(files=[tmp_path / "nowhere.yaml"])
    with pytest.raises(InputError, match="directory"):
        load(files=[tmp_path])
    with pytest.raises(InputError, match="larger"):
        load(files=[yaml("# " + "x" * BYTES_MAX)])
    (tmp_path / "latin.yaml").write_bytes(b"account: {residence: \xe9}\n")
    with pytest.raises(InputError, match="UTF-8"):
        load(files=[tmp_path / "latin.yaml"])
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    with pytest.raises(InputError, match="repeated too much"):
        read_yaml(yaml(bomb))
    with pytest.raises(InputError):
        read_yaml(yaml("a: " + "[" * 5000 + "]" * 5000))


def test_a_pipe_that_nobody_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "policy.yaml")
    with pytest.raises(InputError, match="not a regular file"):
        load(files=(tmp_path / "policy.yaml",))


def test_an_unknown_profile_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'institutional'"):
        load("institutionel")


def test_a_file_may_name_its_profile_but_not_contradict_the_command(yaml) -> None:
    path = yaml("profile: small-live\n")
    assert load(files=[path]).policy.shaping.min_trade == 5.0
    assert load("small-live", [path]).policy.profile == "small-live"
    with pytest.raises(PlimsollError, match="small-live"):
        load("core", [path])


def test_every_leaf_is_described_with_unit_and_rule() -> None:
    rows = {row.key: row for row in described(load("small-live"))}
    assert rows["shaping.min_trade"] == Setting("shaping.min_trade", 5.0, "USD", "A7", "profile small-live", "")
    assert rows["ladder.rungs.panic.cooldown"].value == 20
    assert rows["limits.assets.GLD.max_weight"].unit == "fraction of NAV"
    assert not [row.key for row in rows.values() if not row.unit or not row.rule]
    assert "cvar.budget_10" in rows


def test_the_command_line_is_the_last_layer() -> None:
    loaded = load(env={"PLIMSOLL__ACCOUNT__CAPITAL": "5000"}, changes={"account.capital": 250_000.0})
    assert loaded.policy.account.capital == 250_000.0
    assert loaded.origin("account.capital") == "command line"
    with pytest.raises(InputError, match=r"command line: account\.capital is -1"):
        load(changes={"account.capital": -1.0})
    assert load(changes={"strategies.enabled": ["core_trend"]}).policy.strategies.enabled == ("core_trend",)


@pytest.mark.parametrize("profile", ["core", "institutional", "small-live", "micro"])
def test_the_stored_policy_of_a_run_loads_as_it_was(tmp_path: Path, profile: str) -> None:
    """Also where it lacks an entry that core has, which changes to core could not say."""
    import msgspec

    from plimsoll.core.policy import policy_hash

    made = load(profile, (), {}, {"account.capital": 12345.5}).policy
    assets = {name: limits for name, limits in made.limits.assets.items() if name != "SLV"}
    made = msgspec.structs.replace(made, limits=msgspec.structs.replace(made.limits, assets=assets))
    path = tmp_path / "run.policy.json"
    path.write_bytes(msgspec.json.encode(made, order="sorted"))
    again = load(None, (path,))
    assert again.policy == made and again.hash == policy_hash(made)
    assert again.origin("cvar.budget_1") == f"file {path}"
    changed = load(None, (path,), {}, {"account.capital": 1.0}).policy
    assert changed.account.capital == 1.0 and "SLV" not in changed.limits.assets
