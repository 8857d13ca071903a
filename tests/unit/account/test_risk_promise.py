"""The risk promise: one page, every figure from the policy, signed and checked (H9)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from plimsoll.account import risk_promise as sla
from plimsoll.account.record import AccountRecord
from plimsoll.account.record_rules import Signatory
from plimsoll.account.signing import Signer, new_key
from plimsoll.core.account_record import Key
from plimsoll.core.errors import CheckFailed, CorruptionError, InputError
from plimsoll.governor.limits import from_policy
from plimsoll.store import policy_file
from plimsoll.store.home import Home

DIGEST = "d" * 64


def policy(profile: str = "core", **changes: Any) -> Any:
    return policy_file.load(profile, changes={path.replace("__", "."): value for path, value in changes.items()}).policy


def promised(home: Path, profile: str = "core", **changes: Any) -> sla.RiskPromise:
    return sla.promise(Home(home), policy(profile, **changes), DIGEST)


@pytest.mark.parametrize("profile", policy_file.PROFILES)
def test_it_is_one_printed_page(tmp_path: Path, profile: str) -> None:
    lines = promised(tmp_path, profile).page.splitlines()
    assert len(lines) <= sla.LINES
    assert max(map(len, lines)) <= sla.WIDTH
    assert all(line == line.rstrip() and line.isascii() for line in lines)


CHANGES: dict[str, Any] = {
    "account.capital": 50_000.0, "limits.gross_max": 0.9, "governor.gap": 0.35, "governor.loss": 70,
    "governor.position": 7_000, "governor.turnover": 8_000, "governor.trade": 900, "governor.loss_share": 0.02,
    "governor.turnover_share": 0.2, "governor.trade_share": 0.05, "governor.caution_equity": 0.01,
    "governor.caution_loss": 0.4, "governor.caution_size": 0.4, "governor.reduce_equity": 0.02,
    "governor.reduce_loss": 0.55, "governor.halt_equity": 0.03, "governor.halt_loss": 0.7, "governor.collar": 0.02,
    "governor.quote_age": 600, "governor.orders_second": 3, "governor.orders_minute": 40,
    "governor.repeats_minute": 7, "governor.clock_slack": 50, "governor.symbols": ["MSFT"],
    "governor.latency_max": 12, "governor.latency_window": 90, "governor.latency_recent": 45,
    "governor.latency_slow": 15,
}  # fmt: skip


@pytest.mark.parametrize("path", CHANGES)
def test_the_page_changes_with_every_threshold_it_speaks_of(tmp_path: Path, path: str) -> None:
    before = promised(tmp_path)
    after = sla.promise(Home(tmp_path), policy_file.load("core", changes={path: CHANGES[path]}).policy, DIGEST)
    assert after.text != before.text and after.document != before.document


@pytest.mark.parametrize("profile", policy_file.PROFILES)
@pytest.mark.parametrize("gap", [0.2, 0.07, 1.0])
def test_the_bound_is_the_formula_beside_it(tmp_path: Path, profile: str, gap: float) -> None:
    used = policy(profile, governor__gap=gap)
    made = sla.promise(Home(tmp_path), used, DIGEST)
    g, capital = used.governor, Fraction(used.account.capital)
    gross = capital * Fraction(str(used.limits.gross_max))
    weights = [used.limits.weight_stock, used.limits.weight_fund, used.limits.weight_crypto, used.limits.weight_other]
    named = max((row.max_weight for row in used.limits.assets.values()), default=0.0)
    most = Fraction(g.position) if g.position is not None else capital * Fraction(str(max(min(weights), named)))
    share = Fraction(str(gap))
    loss_cap = Fraction(g.loss) if g.loss is not None else capital * Fraction(str(g.loss_share))
    ends = min(Fraction(str(g.reduce_equity)) * capital, Fraction(str(g.reduce_loss)) * loss_cap)
    bound = made.gap
    assert Fraction(bound.largest_loss) == min(most, gross) * share
    assert Fraction(bound.book_loss) == gross * share
    assert Fraction(bound.worst) == ends + gross * share
    for amount in (bound.largest_loss, bound.book_loss, bound.worst, bound.risk_ends):
        assert f"${amount}" in made.text


def test_micro_promises_the_caps_of_the_account(tmp_path: Path) -> None:
    text = promised(tmp_path, "micro").page
    for said in ("$100.00", "$500.00", "$2000.00", "$50.00", "No account yet", "Not signed.", "reduc", "montecarlo"):
        assert said in text
    assert "\n  from $60.00       60 % or 6 %      only reductions\n" in text


class Office:
    """A home with a paper account, and Ann who may sign for it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        record = AccountRecord(self.home)
        record.open("one", "t")
        record.append(from_policy(policy("micro"), "paper"))
        public = new_key(folder / "ann")
        record.append(Key(action="trust", person="ann", public_key=public))
        self.ann = Signatory("ann", Signer(folder / "ann"), "2026-03-02T08:00:00Z")
        self.page = folder / "page.txt"


def test_a_signed_page_is_known_again_until_the_account_promises_otherwise(tmp_path: Path) -> None:
    office, micro = Office(tmp_path), policy("micro")
    signed = sla.sign(office.home, micro, DIGEST, office.ann)
    assert (signed.signed_by, signed.signed_at) == ("ann", "2026-03-02T08:00:00Z")
    assert sla.promise(office.home, micro, DIGEST) == signed  # signing does not change what was signed
    office.page.write_text(signed.page, encoding="utf-8")
    assert sla.check(office.home, micro, DIGEST, office.page) == sla.Checked(
        signed.document, "ann", "2026-03-02T08:00:00Z", in_force=True, account="one", policy=DIGEST
    )
    looser = policy("micro", governor__collar=0.05)
    assert not sla.check(office.home, looser, "e" * 64, office.page).in_force
    assert sla.promise(office.home, looser, "e" * 64).signed_by is None


def test_a_page_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    office, micro = Office(tmp_path), policy("micro")
    office.page.write_text(sla.promise(office.home, micro, DIGEST).page, encoding="utf-8")
    with pytest.raises(CheckFailed, match="no trusted person signed"):
        sla.check(office.home, micro, DIGEST, office.page)
    page = sla.sign(office.home, micro, DIGEST, office.ann).page
    office.page.write_text(page.replace("$100.00", "$900.00"), encoding="utf-8")
    with pytest.raises(CheckFailed, match="no trusted person signed"):
        sla.check(office.home, micro, DIGEST, office.page)
    office.page.write_bytes(b"\xff")
    with pytest.raises(CheckFailed, match="no trusted person signed"):
        sla.check(office.home, micro, DIGEST, office.page)
    office.page.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        sla.check(office.home, micro, DIGEST, office.page)


def test_a_page_is_what_was_signed_to_its_last_byte(tmp_path: Path) -> None:
    office, micro = Office(tmp_path), policy("micro")
    page = sla.sign(office.home, micro, DIGEST, office.ann).page.encode()

    def check(changed: bytes) -> sla.Checked:
        office.page.write_bytes(changed)
        return sla.check(office.home, micro, DIGEST, office.page)

    assert check(page).in_force
    for n in [*range(0, len(page), 97), *range(page.index(b"SIGNATURE"), len(page))]:
        for changed in (page[:n] + bytes([page[n] ^ 1]) + page[n + 1 :], page[:n] + page[n + 1 :], page[:n]):
            with pytest.raises(CheckFailed):
                check(changed)
    for more in (b"\n", b" ", b"\0", b"\xff", b"\nADDENDUM\nNothing is ever lost.\n", b"x" * 100_000, page):
        with pytest.raises(CheckFailed, match=r"under SIGNATURE in .* were altered"):
            check(page + more)
    for changed in (
        page.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + page,
        page.upper(),
        page[: page.index(b"SIGNATURE")],
    ):
        with pytest.raises(CheckFailed):
            check(changed)


def test_a_text_that_two_people_signed_verifies_as_each_of_them_wrote_it(tmp_path: Path) -> None:
    office, micro = Office(tmp_path), policy("micro")
    first = sla.sign(office.home, micro, DIGEST, office.ann)
    later = Signatory("ann", office.ann.signer, "2026-04-01T08:00:00Z")
    second = sla.sign(office.home, micro, DIGEST, later)
    assert first.document == second.document and first.page != second.page
    for made in (first, second):
        office.page.write_text(made.page, encoding="utf-8")
        assert sla.check(office.home, micro, DIGEST, office.page).signed_at == made.signed_at
    office.page.write_text(first.page.replace("ann,", "bob,"), encoding="utf-8")
    with pytest.raises(
        CheckFailed, match=r"The original is: ann, 2026-04-01T08:00:00Z, in account\.jsonl of account one\."
    ):
        sla.check(office.home, micro, DIGEST, office.page)


def test_it_promises_nothing_on_altered_limits_and_signs_nothing_without_any(tmp_path: Path) -> None:
    office, micro = Office(tmp_path), policy("micro")
    office.home.limits.write_text(office.home.limits.read_text().replace("100.00", "900.00"))
    with pytest.raises(CorruptionError, match=r"body\.caps\.loss"):
        sla.promise(office.home, micro, DIGEST)
    with pytest.raises(CheckFailed, match="no promise to sign"):
        sla.sign(Home(tmp_path / "other"), micro, DIGEST, office.ann)
