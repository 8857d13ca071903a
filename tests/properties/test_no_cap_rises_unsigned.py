"""Whatever is done to a home, no dollar cap rises above what a trusted person signed, and none within a session (H1).

The machine does what commands do, and what an intruder with the folder could: edits, deletions, old copies put back,
signatures by keys nobody trusts, another profile. What the governor compares with is held against a ledger of the caps
that were really signed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plimsoll.account import limits as account_limits
from plimsoll.account.governed_account import CAPS, GovernedAccount
from plimsoll.account.record import AccountRecord
from plimsoll.account.record_rules import Signatory
from plimsoll.account.signing import Signer, new_key
from plimsoll.account.track_record import TrackRecord
from plimsoll.core.errors import PlimsollError
from plimsoll.core.policy import Policy
from plimsoll.governor.governor import Governor
from plimsoll.governor.protocol import LineProtocol
from plimsoll.store import policy_file
from plimsoll.store.governor_memory import MemoryStateStore
from plimsoll.store.home import Home

DAY = 20_514
MICRO = policy_file.load("micro").policy
RICHER = policy_file.load("micro", changes={"governor.loss": 900, "governor.trade": 900}).policy
CORE = Policy()
PEOPLE = st.sampled_from(["ann", "eve"])
AMOUNTS = st.sampled_from(["1.00", "40.00", "60.00", "100.00", "150.00", "400.00"])

FILES = ("account", "anchor", "limits")


class Account(RuleBasedStateMachine):
    """A paper account of profile micro and its folder."""

    @initialize(alone=st.booleans())
    def open(self, alone: bool = True) -> None:
        self.alone = alone
        self.folder = Path(tempfile.mkdtemp())
        self.home = Home(self.folder / "home")
        self.home.folder(self.home.path)
        self.keys = {}
        for name in ("ann", "eve"):
            public = new_key(self.folder / name)
            self.keys[name] = (public, Signer(self.folder / name))
        self.store, self.day, self.begun = MemoryStateStore(), DAY, False
        self.past: list[dict[str, bytes]] = []
        self.most = {"loss": 10_000, "position": 50_000, "turnover": 200_000, "trade": 5_000}
        self.now = dict(self.most)
        self.signed: list[dict[str, int]] = []
        account_limits.trust(self.home, "ann", self.keys["ann"][0], None, "one", "t")
        self.start(MICRO)
        assert self.governor is not None

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def by(self, person: str, key: str) -> Signatory:
        return Signatory(person, self.keys[key][1], "t")

    @rule(policy=st.sampled_from([MICRO, RICHER, CORE]))
    def start(self, policy: Policy) -> None:
        """A start may fail; a failed one governs nothing."""
        self.governor: Governor | None = None
        try:
            account = GovernedAccount(
                AccountRecord(self.home), self.store, policy, track=TrackRecord(self.home, lambda _: None), live=False,
                alone=self.alone, draw=lambda: "two", now=lambda: "t",
            )  # fmt: skip
            self.governor = Governor(self.store, account.start())
        except PlimsollError:
            return
        self.protocol = LineProtocol(self.governor, 64, lambda: 0, account)

    @precondition(lambda self: self.governor is not None)
    @rule(next_day=st.booleans())
    def session(self, next_day: bool) -> None:
        self.day += next_day
        date = f"2026-{3 + (self.day - DAY) // 28:02d}-{1 + (self.day - DAY) % 28:02d}"
        line = json.dumps({"type": "session", "date": date, "equity": "1000"}).encode()
        if list(self.protocol.answer([line])) != [json.dumps({"ok": True})]:
            return
        if next_day or not self.begun:  # a session begins: the first of the account, or that of another day
            for caps in self.signed:
                self.most = {name: max(cap, self.most[name]) for name, cap in caps.items()}
            self.now = self.in_force()
        self.begun = True

    @rule(
        cap=st.sampled_from(CAPS),
        usd=AMOUNTS,
        person=st.sampled_from(["ann", "eve"]),
        key=st.sampled_from(["ann", "eve"]),
    )
    def sign(self, cap: str, usd: str, person: str, key: str) -> None:
        self.keep()
        try:
            made = account_limits.sign(
                self.home, MICRO, self.by(person, key), "because", {cap: usd}, live=False, anew=False
            )
        except PlimsollError:
            return
        assert (person, key) == ("ann", "ann")
        self.signed.append({name: round(float(getattr(made.caps, name)) * 100) for name in CAPS})

    @rule()
    def trust_eve(self) -> None:
        """Only Ann could let Eve in; here nobody but Eve tries to, so she never is."""
        try:
            account_limits.trust(self.home, "eve", self.keys["eve"][0], self.by("eve", "eve"), "one", "t")
        except PlimsollError:
            return
        raise AssertionError("eve let herself in")

    def keep(self) -> None:
        if all(getattr(self.home, name).exists() for name in FILES):
            self.past.append({name: getattr(self.home, name).read_bytes() for name in FILES})

    @rule(name=st.sampled_from(FILES))
    def delete(self, name: str) -> None:
        self.keep()
        getattr(self.home, name).unlink(missing_ok=True)

    @rule(name=st.sampled_from(FILES), new=st.sampled_from(["900.00", "100.00"]), old=AMOUNTS)
    def edit(self, name: str, old: str, new: str) -> None:
        self.keep()
        path = getattr(self.home, name)
        if path.exists():
            path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))

    @precondition(lambda self: self.past)
    @rule(data=st.data(), names=st.one_of(st.just(set(FILES)), st.sets(st.sampled_from(FILES))))
    def put_back(self, data: st.DataObject, names: set[str]) -> None:
        old = data.draw(st.sampled_from(self.past))
        for name in names:
            getattr(self.home, name).write_bytes(old[name])

    def in_force(self) -> dict[str, int]:
        limits = self.governor.limits  # type: ignore[union-attr]
        return {name: getattr(limits, name) for name in CAPS}

    @invariant()
    def no_cap_is_above_what_was_signed_and_none_rose_within_the_session(self) -> None:
        if self.governor is None:
            return
        now = self.in_force()
        assert all(now[name] <= self.most[name] for name in CAPS)
        assert all(now[name] <= self.now[name] for name in CAPS)
        self.now = now


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_caps_signed_before_the_first_session_count_from_it() -> None:
    """What the machine once drew: signed while no session had begun, the caps rise with the first one (H1)."""
    account = Account()
    account.open()
    try:
        account.sign(cap="loss", usd="150.00", person="ann", key="ann")
        account.no_cap_is_above_what_was_signed_and_none_rose_within_the_session()
        account.session(next_day=False)
        account.no_cap_is_above_what_was_signed_and_none_rose_within_the_session()
        assert account.in_force()["loss"] == 15_000
        account.sign(cap="loss", usd="400.00", person="ann", key="ann")
        account.session(next_day=False)
        assert account.in_force()["loss"] == 15_000
        account.session(next_day=True)
        assert account.in_force()["loss"] == 40_000
    finally:
        account.teardown()
