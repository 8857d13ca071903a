"""Every interleaving of fills, triggers, answers and wishes of a small position at a model venue (X4, L15, L19-L21)."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from msgspec.structs import replace

from plimsoll.core.inputs import Cancel, Submit
from plimsoll.execution.protective import Guard, accepted, ended, filled, refused, settled


class Venue(NamedTuple):
    """The truth: position, open orders (id, lots, is a stop), commands on their way in, events on their way out, and
    what may still happen: a refusal, a new wish, a purchase, an exit."""

    held: int
    open: tuple[tuple[str, int, bool], ...]
    inbox: tuple[Submit | Cancel, ...]
    outbox: tuple[tuple[str, str, int], ...]
    may_refuse: int = 1
    may_wish: int = 1
    may_buy: int = 1
    may_exit: int = 1


State = tuple[Guard, Venue]


def acts(guard: Guard, venue: Venue) -> State:
    guard, commands = settled(guard)
    return guard, venue._replace(inbox=venue.inbox + commands)


def takes(venue: Venue, refuse: bool) -> Venue:
    """The venue does the next command."""
    command, inbox = venue.inbox[0], venue.inbox[1:]
    venue = venue._replace(inbox=inbox)
    if isinstance(command, Cancel):
        if all(id != command.id for id, _, _ in venue.open):
            return venue  # it has ended, and that was told
        open = tuple(one for one in venue.open if one[0] != command.id)
        return venue._replace(open=open, outbox=(*venue.outbox, ("ended", command.id, 0)))
    order = command.order
    if refuse:
        return venue._replace(outbox=(*venue.outbox, ("refused", order.id, 0)), may_refuse=0)
    return venue._replace(
        open=(*venue.open, (order.id, order.lots, order.type == "stop")),
        outbox=(*venue.outbox, ("accepted", order.id, 0)),
    )


def executes(venue: Venue, n: int, size: int, capped: bool) -> Venue | None:
    """An open order is executed; a venue that caps reduce-only orders ends one without a position to reduce."""
    id, lots, stop = venue.open[n]
    others = venue.open[:n] + venue.open[n + 1 :]
    most = min(size, venue.held) if capped else size
    if most <= 0:
        return venue._replace(open=others, outbox=(*venue.outbox, ("ended", id, 0)))
    left = lots + most
    events = [*venue.outbox, ("filled", id, -most)]
    return venue._replace(
        held=venue.held - most, open=(*others, (id, left, stop)) if left else others, outbox=tuple(events)
    )


def hears(guard: Guard, event: tuple[str, str, int]) -> Guard:
    kind, id, lots = event
    match kind:
        case "accepted":
            return accepted(guard, id)
        case "refused":
            return refused(guard, id)
        case "ended":
            return ended(guard, id)
        case _:
            return filled(guard, id, lots)


def steps(guard: Guard, venue: Venue) -> list[State]:
    """Everything that may happen next."""
    found: list[State] = []
    if venue.inbox:
        found.append((guard, takes(venue, False)))
        if venue.may_refuse and isinstance(venue.inbox[0], Submit):
            found.append((guard, takes(venue, True)))
    if venue.outbox:
        found.append(acts(hears(guard, venue.outbox[0]), venue._replace(outbox=venue.outbox[1:])))
    for n, (_, lots, _) in enumerate(venue.open):
        for size in {1, abs(lots)}:
            after = executes(venue, n, size, guard.capped)
            if after is not None:
                found.append((guard, after))
    if venue.may_wish:
        found.append(acts(wishes(guard, 95.0), venue._replace(may_wish=0)))
    if venue.may_buy:
        found.append(
            (guard, venue._replace(held=venue.held + 1, may_buy=0, outbox=(*venue.outbox, ("filled", "b", 1))))
        )
    if venue.may_exit and guard.held > 0:
        found.append(acts(leaves(guard, -1), venue._replace(may_exit=0)))
    return found


def wishes(guard: Guard, stop: float) -> Guard:
    return replace(guard, stop=stop)


def leaves(guard: Guard, lots: int) -> Guard:
    return replace(guard, leaving=guard.leaving + lots)


def checked(guard: Guard, venue: Venue) -> None:
    assert venue.held >= 0, "the position was turned"
    protected = sum(abs(lots) for _, lots, _ in venue.open)
    if not guard.capped:
        assert protected <= venue.held, "two orders could sell the same lots"
        assert sum(abs(one.lots) for one in guard.live) + sum(abs(n) for _, n in guard.exits) <= guard.held
    if guard.held == 0:
        assert all(one.status == "CANCELLING" for one in guard.live), "protection of nothing was not cancelled at once"
    if not venue.inbox and not venue.outbox:  # everything was said and done
        assert guard.held == venue.held
        assert {one.id for one in guard.live} | {id for id, _ in guard.exits} == {id for id, _, _ in venue.open}
        assert guard.uncovered == 0 or venue.held == 0, "naked, and nothing on the way"


def explored(capped: bool, held: int) -> set[State]:
    guard = Guard("SPY", "s", 100.0, capped, held=held, stop=90.0)
    first = acts(guard, Venue(held, (), (), ()))
    seen, todo = {first}, [first]
    while todo:
        state = todo.pop()
        checked(*state)
        for after in steps(*state):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


@pytest.mark.parametrize("capped", [True, False])
def test_no_interleaving_sells_twice_or_leaves_a_position_naked(capped: bool) -> None:
    seen = explored(capped, 1 if capped else 2)
    assert len(seen) > 2_000
    stops = {sum(is_stop for _, _, is_stop in venue.open) for _, venue in seen}
    assert 2 in stops or not capped  # the new one stands before the old one goes
    assert any(not venue.may_refuse for _, venue in seen) and any(venue.held == 0 for _, venue in seen)
    assert any(guard.exits for guard, _ in seen)


def test_a_refused_protection_is_an_exit_of_everything_at_once() -> None:
    guard, (first,) = settled(Guard("SPY", "s", 100.0, False, held=5, stop=90.0))
    assert isinstance(first, Submit) and (first.order.type, first.order.lots, first.order.stop) == ("stop", -5, 90.0)
    guard, (exit,) = settled(refused(guard, first.order.id))
    assert isinstance(exit, Submit)
    assert (exit.order.type, exit.order.lots, exit.order.reduce_only) == ("market", -5, True)
    assert settled(guard)[1] == ()


def test_where_a_venue_caps_the_new_protection_stands_before_the_old_one_is_cancelled() -> None:
    guard, (first,) = settled(Guard("SPY", "s", 100.0, True, held=-5, stop=110.0))
    assert isinstance(first, Submit) and first.order.lots == 5  # a short position is bought back
    guard = accepted(guard, first.order.id)
    guard, (second,) = settled(wishes(guard, 105.0))
    assert isinstance(second, Submit) and settled(guard)[1] == ()
    assert settled(wishes(guard, 106.0))[1] == ()  # one answer is awaited at a time
    guard, commands = settled(accepted(guard, second.order.id))
    assert commands == (Cancel(first.order.id),) and guard.uncovered == 0
