"""An auction problem from a file: both forms mean the same, and nothing malformed is solved (A3, A5)."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from plimsoll.analysis import auction_answer, auction_file, auction_trials
from plimsoll.core.errors import InputError

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "auction.json"


def plain(**changed: Any) -> dict[str, Any]:
    """Two assets, three scenarios, no binding tail."""
    given: dict[str, Any] = {
        "mu": [0.02, 0.01],
        "scenarios": [[0.02, 0.01], [-0.03, 0.02], [0.01, -0.01]],
        "risk_aversion": 0.0,
        "confidence": 0.5,
        "cvar_max": "inf",
        "gross_max": 1.0,
        "weight_max": [0.6, 0.9],
        "groups": [],
        "current": [0.0, 0.0],
        "trade_cost": [0.001, 0.001],
    }
    given.update(changed)
    return {name: value for name, value in given.items() if value is not ...}


def written(folder: Path, fields: Any) -> Path:
    path = folder / "problem.json"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return path


def solved(folder: Path, **changed: Any) -> auction_answer.AuctionAnswer:
    return auction_answer.answer(auction_file.read(written(folder, plain(**changed))))


def refused(folder: Path, **changed: Any) -> str:
    with pytest.raises(InputError) as error:
        auction_file.read(written(folder, plain(**changed)))
    assert error.value.remedy
    return str(error.value)


def as_npz(fields: dict[str, Any]) -> dict[str, np.ndarray]:
    arrays = {
        name: np.array(float(value) if value == "inf" else value)
        for name, value in fields.items()
        if name not in ("groups", "tail_limits")
    }
    members = np.zeros((len(fields["groups"]), len(fields["mu"])))
    for k, (bids, _) in enumerate(fields["groups"]):
        members[k, bids] = 1
    arrays |= {"groups": members, "groups_cap": np.array([cap for _, cap in fields["groups"]])}
    for k, (sample, _, _) in enumerate(fields.get("tail_limits", [])):
        arrays[f"tail_limits_{k}"] = np.array(sample)
    arrays["tail_limits_confidence"] = np.array([c for _, c, _ in fields.get("tail_limits", [])])
    arrays["tail_limits_cvar_max"] = np.array([cap for _, _, cap in fields.get("tail_limits", [])])
    return arrays


def test_the_example_solves_inside_its_limits_and_sums_to_the_whole() -> None:
    found = auction_answer.answer(auction_file.read(EXAMPLE))
    assert found.solved and found.status == "optimal" and found.worst_excess <= 1e-9
    assert sum(b.cvar_contribution for b in found.bids) == pytest.approx(found.cvar, abs=1e-12)
    assert sum(b.return_contribution for b in found.bids) == pytest.approx(found.expected_return, abs=1e-12)
    assert found.gross + found.cash == pytest.approx(1.0)


def test_the_example_is_the_linear_programs_optimum() -> None:
    p = auction_file.read(EXAMPLE).problem
    s, stressed = np.asarray(p.scenarios), np.asarray(p.tail_limits[0][0])
    (n, m), t, u = (5, 4), len(s), len(stressed)
    to_asset = np.zeros((m, n))
    to_asset[np.asarray(p.asset), np.arange(n)] = 1.0
    # w, |position - current| (m), a, excess (t), b, excess (u)
    size = n + m + 1 + t + 1 + u

    def block(**parts: Any) -> np.ndarray:
        at = {"w": 0, "d": n, "a": n + m, "x": n + m + 1, "b": n + m + 1 + t, "y": n + m + 2 + t}
        rows = max(np.atleast_2d(v).shape[0] for v in parts.values())
        full = np.zeros((rows, size))
        for key, value in parts.items():
            value = np.atleast_2d(value)
            full[:, at[key] : at[key] + value.shape[1]] = value
        return full

    tail_1, tail_2 = np.full(t, 1 / (0.05 * t)), np.full(u, 1 / (0.05 * u))
    rows = [
        (block(w=to_asset, d=-np.eye(m)), np.asarray(p.current)),
        (block(w=-to_asset, d=-np.eye(m)), -np.asarray(p.current)),
        (block(w=-s @ to_asset, a=-np.ones((t, 1)), x=-np.eye(t)), np.zeros(t)),
        (block(w=-stressed @ to_asset, b=-np.ones((u, 1)), y=-np.eye(u)), np.zeros(u)),
        (block(a=[[1.0]], x=tail_1), [p.cvar_max]),
        (block(b=[[1.0]], y=tail_2), [p.tail_limits[0][2]]),
        (block(w=np.ones(n)), [p.gross_max]),
        (block(w=[0, 1, 1, 0, 0]), [p.groups[0][1]]),
        (block(w=[1, 1, 1, 0, 0]), [p.pairs[0][2]]),
    ]
    cost = block(w=-np.asarray(p.mu), d=p.trade_cost, a=[[p.risk_aversion]], x=p.risk_aversion * tail_1)[0]
    bounds = [(0, c) for c in np.asarray(p.weight_max)] + [(0, None)] * m
    bounds += [(None, None)] + [(0, None)] * t + [(None, None)] + [(0, None)] * u
    best = linprog(cost, np.vstack([a for a, _ in rows]), np.concatenate([b for _, b in rows]), bounds=bounds)
    assert auction_answer.answer(auction_file.read(EXAMPLE)).objective == pytest.approx(-best.fun, abs=1e-9)


def test_a_shadow_price_is_what_a_little_more_of_the_limit_adds(tmp_path: Path) -> None:
    fields = json.loads(EXAMPLE.read_text())
    found = auction_answer.answer(auction_file.read(EXAMPLE))
    stress = next(x for x in found.limits if x.limit == "tail_limits[0]")
    fields["tail_limits"][0][2] += 1e-5
    more = auction_answer.answer(auction_file.read(written(tmp_path, fields)))
    assert stress.shadow_price > 0.0
    assert more.objective - found.objective == pytest.approx(stress.shadow_price * 1e-5, rel=1e-6)


def test_npz_means_what_json_means(tmp_path: Path) -> None:
    fields = json.loads(EXAMPLE.read_text())
    np.savez(tmp_path / "problem.npz", **as_npz(fields))
    found = auction_answer.answer(auction_file.read(tmp_path / "problem.npz"))
    assert found == auction_answer.answer(auction_file.read(EXAMPLE))


def test_scenarios_may_lie_in_a_file_beside_the_problem(tmp_path: Path) -> None:
    np.save(tmp_path / "returns.npy", np.array(plain()["scenarios"]))
    assert solved(tmp_path, scenarios="returns.npy") == solved(tmp_path)


def test_each_bid_says_what_holds_it_back(tmp_path: Path) -> None:
    first, second = solved(tmp_path).bids
    assert (first.weight, second.weight) == pytest.approx((0.6, 0.4))
    assert first.binding == "weight_max[0]" and first.shadow_price == pytest.approx(0.01)
    assert "its own cap of 60.00%" in first.why_not_more and "1.00 bps" in first.why_not_more
    assert second.binding == "gross" and second.shadow_price == pytest.approx(0.009)
    assert (first.bid, first.asset) == ("bid 1", "asset 1")


def test_a_bid_that_does_not_pay_says_what_it_costs(tmp_path: Path) -> None:
    second = solved(tmp_path, mu=[0.02, 0.0005]).bids[1]
    assert (second.weight, second.binding) == (0.0, None)
    assert second.why_not_more.startswith("It does not pay: a unit of NAV brings 5.00 bps")
    assert "of tail risk and 10.00 bps of trading. It would enter if" in second.why_not_more
    assert second.why_not_more.endswith("were 5.00 bps higher.")


def test_an_outbid_bid_names_the_limit_that_others_use_better(tmp_path: Path) -> None:
    second = solved(tmp_path, weight_max=[1.0, 1.0]).bids[1]
    assert (second.weight, second.binding) == (0.0, "gross")
    assert second.why_not_more.startswith("It is outbid") and "gross limit of 100.00%" in second.why_not_more


def test_limits_that_nothing_meets_scale_the_book_and_are_named(tmp_path: Path) -> None:
    found = solved(tmp_path, cvar_max=-0.5, current=[0.3, 0.2])
    assert (found.status, found.binding, found.solved) == ("scaled", "cvar", False)
    assert all("cvar set the scale" in b.why_not_more and b.binding is None for b in found.bids)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mu": [0.02, float("nan")]}, "mu[1] is NaN"),
        ({"mu": [0.02, None]}, "mu[1] is null"),
        ({"mu": [0.02, "0.01"]}, 'mu[1] is "0.01"'),
        ({"mu": [0.02, True]}, "mu[1] is true"),
        ({"mu": 0.02}, "mu is 0.02"),
        ({"mu": [10**400, 0.1]}, "mu[0] is 1000"),
        ({"mu": [0.01]}, "mu has 1 bids"),
        ({"mu": [0.02, "inf"]}, "mu[1] is inf"),
        ({"scenarios": [[0.1, 0.2], [0.1]]}, "scenarios[1] has 1 values"),
        ({"scenarios": [[0.1, float("nan")]]}, "scenarios[0][1] is NaN"),
        ({"scenarios": []}, "scenarios has shape (0, 0)"),
        ({"scenarios": "gone.npy"}, "gone.npy"),
        ({"scenarios": "../returns.npy"}, "which lies outside"),
        ({"scenarios": "/returns.npy"}, "which lies outside"),
        ({"scenarios": "problem.json"}, "scenarios is 'problem.json'"),
        ({"confidence": 1.0}, "confidence is 1.0"),
        ({"confidence": None}, "confidence is null"),
        ({"risk_aversion": -1}, "risk_aversion is -1.0"),
        ({"cvar_max": float("nan")}, "cvar_max is NaN"),
        ({"gross_max": -0.1}, "gross_max is -0.1"),
        ({"gross_max": "inf", "weight_max": ["inf", 1.0]}, "infinite"),
        ({"weight_max": [0.5]}, "weight_max has shape (1,)"),
        ({"weight_max": [0.5, -0.1]}, "weight_max[1] is -0.1"),
        ({"groups": [[[0, 2], 0.5]]}, "groups[0] member is 2"),
        ({"groups": [[[0, 1.5], 0.5]]}, "groups[0] bids[1] is 1.5"),
        ({"groups": [[0, 1]]}, "groups[0] bids is 0"),
        ({"groups": [[[0]]]}, "groups[0] is [[0]]"),
        ({"groups": {"a": 1}}, "groups is "),
        ({"current": [0.1]}, "current has shape (1,)"),
        ({"current": [-0.1, 0.0]}, "current[0] is -0.1"),
        ({"trade_cost": [0.1, -1]}, "trade_cost[1] is -1"),
        ({"tail_limits": [[[[0.1]], 0.95, 0.1]]}, "tail_limits[0] has 1 columns"),
        ({"tail_limits": [[[[0.1, 0.1]], 0.95, float("nan")]]}, "tail_limits[0] cvar_max is NaN"),
        ({"pairs": [[0, 0, 0.5]]}, "pairs[0] names 0 twice"),
        ({"pairs": [[0, 1]]}, "pairs[0] is [0, 1]"),
        ({"asset": [0, 2]}, "asset reaches from 0 to 2"),
        ({"asset": [0, 0.5]}, "asset[1] is 0.5"),
        ({"bids": ["a"]}, "bids names 1"),
        ({"assets": ["a", 3]}, "assets holds 3"),
        ({"trade_cots": [0.1, 0.1]}, "Did you mean trade_cost?"),
        ({"comment": "x"}, "comment is not a field of an auction problem"),
        ({"groups": ..., "current": ...}, "groups, current is missing"),
    ],
)
def test_a_malformed_field_is_named_with_its_value(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, **changed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "holds a list"),
        ('{"mu": [1], "mu": [2]}', "mu is given twice"),
        ("[" * 9999, "JSON"),
    ],
)
def test_text_that_is_no_problem_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"not JSON|holds a|given twice") as error:
        auction_file.read(written(tmp_path, text))
    assert said in str(error.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x93NUMPY\x01\x00"])
def test_a_damaged_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "problem.npz").write_bytes(content)
    with pytest.raises(InputError, match="not an NPZ"):
        auction_file.read(tmp_path / "problem.npz")


def test_an_npz_that_would_run_code_or_disagrees_is_refused(tmp_path: Path) -> None:
    arrays = as_npz(plain(groups=[[[0], 0.5]]))
    path = tmp_path / "problem.npz"
    for changed, said in (
        ({"mu": np.array([object(), 1], dtype=object)}, "plain arrays"),
        ({"groups_cap": np.array([0.1, 0.2])}, "groups has shape"),
        ({"tail_limits_0": np.zeros((2, 2))}, "tail_limits has 1 samples"),
        ({"pairs": np.zeros((1, 2))}, "pairs has shape"),
        ({"mu": np.array([0.1, np.nan])}, "mu[1] is NaN"),
    ):
        np.savez(path, **(arrays | changed))
        with pytest.raises(InputError) as error:
            auction_file.read(path)
        assert said in str(error.value)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither \.json nor \.npz"):
        auction_file.read(tmp_path / "problem.yaml")


def test_a_group_holds_back_its_members_and_a_pair_both_its_assets(tmp_path: Path) -> None:
    first, second = solved(tmp_path, groups=[[[0], 0.3]]).bids
    assert (first.binding, first.weight) == ("groups[0]", pytest.approx(0.3)) and second.binding == "gross"
    both = solved(tmp_path, mu=[0.02, 0.02], trade_cost=[0.0, 0.0], pairs=[[0, 1, 0.7]]).bids
    assert [b.binding for b in both] == ["weight_max[0]", "pairs[0]"]  # the first stands at its cap of 60 % as well
    assert {x.limit: x.shadow_price for x in both[0].bindings}["pairs[0]"] == pytest.approx(0.02)


def test_a_cap_has_its_own_price_beside_the_binding_limits(tmp_path: Path) -> None:
    first, second = solved(tmp_path).bids
    assert (first.cap, first.cap_price) == (0.6, pytest.approx(0.01))
    assert (second.cap, second.cap_price) == (0.9, 0.0)


def test_a_scaled_book_has_no_prices_and_its_check_says_what_cash_cannot_mend(tmp_path: Path) -> None:
    found = solved(tmp_path, cvar_max=-0.5, weight_max=[0.0, 0.9], current=[0.3, 0.2])
    assert not found.checked and found.worst_excess == pytest.approx(0.5)
    assert [b.binding for b in found.bids] == [None, None]


def test_an_answer_outside_a_limit_is_never_called_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = auction_answer.solve

    def careless(problem: Any) -> Any:
        return replace(honest(problem), weights=np.array([0.6, 0.5]))

    monkeypatch.setattr(auction_answer, "solve", careless)
    found = solved(tmp_path)
    assert found.status == "optimal" and not found.checked and not found.solved
    assert found.worst_excess == pytest.approx(0.1)


def test_selling_less_is_what_a_shrinking_position_would_save(tmp_path: Path) -> None:
    first = solved(tmp_path, mu=[-0.005, 0.01], current=[0.5, 0.0]).bids[0]
    assert first.weight == 0.0 and "saves 10.00 bps of trading" in first.why_not_more


def test_a_bid_at_zero_says_what_return_it_lacks_and_enters_with_a_little_more(tmp_path: Path) -> None:
    fields = json.loads(EXAMPLE.read_text())
    before = auction_answer.answer(auction_file.read(EXAMPLE))
    losers = [i for i, b in enumerate(before.bids) if b.weight == 0.0]
    assert losers
    for i in losers:
        lacking = before.bids[i].lacking
        assert lacking > 0.0 and "It would enter if its expected return were" in before.bids[i].why_not_more
        for share, enters in ((0.999, False), (1.001, True)):
            changed = dict(fields, mu=[m + share * lacking * (k == i) for k, m in enumerate(fields["mu"])])
            after = auction_answer.answer(auction_file.read(written(tmp_path, changed)))
            assert (after.bids[i].weight > 0.0) is enters
    assert all(b.lacking == 0.0 for b in before.bids if b.weight > 0.0)


def test_with_prices_the_answer_is_also_in_whole_lots(tmp_path: Path) -> None:
    assert solved(tmp_path).lots is None
    found = solved(tmp_path, price=[7.0, 11.0], lot=[10, 1], nav=1000.0).lots
    assert found is not None and found.checked
    first, second = found.holdings
    assert (first.lots, first.units, first.value) == (8, 80.0, 560.0)  # 60 % of 1,000 in lots of 70
    assert (second.lots, second.value) == (36, 396.0)  # 40 % in lots of 11
    assert found.cash == pytest.approx(1000.0 - 560.0 - 396.0)
    assert first.weight == pytest.approx(0.56) and first.target == pytest.approx(0.6)
    assert found.objective == pytest.approx(0.56 * 0.019 + 0.396 * 0.009)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"price": [7.0, 11.0]}, "nav is missing"),
        ({"nav": 1000.0}, "price is missing"),
        ({"lot": [1, 1], "nav": 1000.0}, "price is missing"),
        ({"price": [7.0], "nav": 1000.0}, "price has shape (1,)"),
        ({"price": [7.0, 0.0], "nav": 1000.0}, "price[1] is 0.0"),
        ({"price": [7.0, -1.0], "nav": 1000.0}, "price[1] is -1.0"),
        ({"price": [7.0, "inf"], "nav": 1000.0}, "price[1] is inf"),
        ({"price": [7.0, 11.0], "lot": [1, 0], "nav": 1000.0}, "lot[1] is 0.0"),
        ({"price": [7.0, 11.0], "nav": 0}, "nav is 0.0"),
        ({"price": [7.0, 11.0], "nav": "inf"}, "nav is inf"),
        ({"price": [7.0, 11.0], "nav": [1000.0]}, "nav is"),
    ],
)
def test_prices_that_mean_nothing_are_refused(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    assert says in refused(tmp_path, **changed)


def test_a_file_that_promises_more_than_fits_into_memory_is_refused(tmp_path: Path) -> None:
    promise = io.BytesIO()
    np.lib.format.write_array_header_1_0(promise, {"descr": "<f8", "fortran_order": False, "shape": (10**11, 1000)})
    (tmp_path / "returns.npy").write_bytes(promise.getvalue() + b"\0" * 80)
    assert "more than fits into memory" in refused(tmp_path, scenarios="returns.npy")
    with zipfile.ZipFile(tmp_path / "problem.npz", "w") as archive:
        archive.writestr("scenarios.npy", promise.getvalue() + b"\0" * 80)
    with pytest.raises(InputError, match="more than fits into memory"):
        auction_file.read(tmp_path / "problem.npz")


def test_scenarios_behind_a_link_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "secret.npy", np.zeros((3, 2)))
    folder = tmp_path / "problem"
    folder.mkdir()
    (folder / "returns.npy").symlink_to("../secret.npy")
    assert "which lies outside" in refused(folder, scenarios="returns.npy")


def random_fields(seed: int) -> dict[str, Any]:
    """Three bids on five scenarios in which CVaR, a cap or both bind."""
    draw = np.random.default_rng(seed)
    return plain(
        mu=[0.002, 0.001, 0.003], scenarios=(0.02 * draw.standard_normal((5, 3))).round(4).tolist(), confidence=0.6,
        cvar_max=0.01, weight_max=[0.5, 0.5, 0.3], current=[0.0] * 3, trade_cost=[0.0] * 3,
        groups=[[[0, 1], 0.7]], pairs=[[1, 2, 0.6]],
    )  # fmt: skip


def raised(fields: dict[str, Any], limit: str, value: float) -> dict[str, Any]:
    """The fields with one limit at another figure, as a user would write them."""
    name, _, rest = limit.partition("[")
    k = int(rest.rstrip("]")) if rest else 0
    match name:
        case "weight_max":
            return dict(fields, weight_max=[value if i == k else c for i, c in enumerate(fields["weight_max"])])
        case "groups" | "pairs":
            return dict(fields, **{name: [[*g[:-1], value] if i == k else g for i, g in enumerate(fields[name])]})
        case "gross":
            return dict(fields, gross_max=value)
    assert name == "cvar"
    return dict(fields, cvar_max=value)


@pytest.mark.parametrize("seed", range(12))
def test_a_bid_at_its_own_cap_says_so_first_and_what_is_said_of_a_raised_limit_is_so(tmp_path: Path, seed: int) -> None:
    fields = random_fields(seed)
    found = auction_answer.answer(auction_file.read(written(tmp_path, fields)))
    assert found.solved
    for i, bid in enumerate(found.bids):
        if bid.weight >= bid.cap - 1e-9:
            assert bid.binding == f"weight_max[{i}]" and bid.why_not_more.startswith("It is held at")
            assert f"by its own cap of {bid.cap:.2%}" in bid.why_not_more
        assert (bid.bindings[0].limit if bid.bindings else None) == bid.binding
        for one in bid.bindings:
            again = auction_answer.answer(auction_file.read(written(tmp_path, raised(fields, one.limit, one.tried))))
            then = again.bids[i].weight
            assert then == pytest.approx(one.weight_then, abs=1e-9)
            said = (
                "would hold more" if then > bid.weight + 1e-9 else "would hold less" if then < bid.weight - 1e-9 else ""
            )
            assert (f"it {said}, {then:.2%}" if said else "alone it would hold no more") in bid.why_not_more
        charged = {c.limit for c in bid.bindings[1:]} | {bid.binding}
        assert {x.limit for x in found.limits if x.shadow_price > 1e-9 and x.limit == "gross"} <= charged


def test_both_limits_of_a_capped_bid_are_named_though_the_other_charges_more(tmp_path: Path) -> None:
    seen = 0
    for seed in range(60):
        found = auction_answer.answer(auction_file.read(written(tmp_path, random_fields(seed))))
        for bid in found.bids:
            first, *others = bid.bindings or (None,)
            if first is not None and first.limit.startswith("weight_max") and others and others[0].price > first.price:
                assert "besides, the CVaR limit of 1.00%" in bid.why_not_more or others[0].limit != "cvar"
                seen += 1
    assert seen


def test_a_problem_too_large_to_try_again_claims_nothing_of_a_single_bid(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(auction_trials, "_CELLS", 0)
    for bid in solved(tmp_path).bids:
        assert all(one.tried is None and one.weight_then is None for one in bid.bindings)
        assert "it would hold" not in bid.why_not_more
