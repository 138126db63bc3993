"""Where an offence stands on the lists, seen from one place on one day."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Item
from knowledge.catalogue.model import Case, ListItem
from knowledge.catalogue.registers import Registers


@dataclass(frozen=True)
class Listing:
    """List items and cases of one offence.

    Attributes:
        here: items that hold in the place or above it, the most specific place first.
        unsure: items of these places that cannot be relied on: lapsed, a draft, or of unknown time.
        elsewhere: items of other places, never more than a reference.
        cases: published cases of the offence.
    """

    here: tuple[Item, ...]
    unsure: tuple[Item, ...]
    elsewhere: tuple[Item, ...]
    cases: tuple[Item, ...]


def in_force(item: Item, day: date) -> bool:
    """Whether a list item may be relied on that day: published in final form, and its time is known."""
    entry = item.entry
    return isinstance(entry, ListItem) and entry.list_status == "as_published" and entry.in_force.covers(day)


def listing(items: Iterable[Item], chain: tuple[str, ...], day: date) -> Listing:
    """Sort the list items and cases of an offence.

    Args:
        items: all of them.
        chain: the place asked for and those above it, the most specific first.
        day: the day whose lists are asked for.
    """
    items = tuple(items)
    rows = [item for item in items if isinstance(item.entry, ListItem)]
    own = sorted((item for item in rows if item.place in chain), key=lambda item: chain.index(item.place))
    return Listing(
        here=tuple(item for item in own if in_force(item, day)),
        unsure=tuple(item for item in own if not in_force(item, day)),
        elsewhere=tuple(item for item in rows if item.place not in chain),
        cases=tuple(item for item in items if isinstance(item.entry, Case)),
    )


GENERAL = {
    "no_penalty_minor": "行政处罚法第33条第1款",
    "no_penalty_first_offence": "行政处罚法第33条第1款",
    "no_penalty_no_fault": "行政处罚法第33条第2款",
    "lighter": "行政处罚法第32条",
    "mitigated": "行政处罚法第32条",
    "no_coercive_measure": "行政强制法第16条第2款",
}
"""What each list rests on everywhere; it also judges what is on no list of the place."""


def resting_on(item: Item, listed: Listing | None, registers: Registers) -> tuple[Citation, ...]:
    """Every citation an answer rests on, the one that carries it first.

    A record rests on its bases too, where the register holds them; an offence on those lists that hold, and
    last on the general rule behind the lists it stands on anywhere.
    """
    found: dict[Citation, None] = {}
    for row in listed.here if listed else ():
        found.update(dict.fromkeys(row.cites))
    found.update(dict.fromkeys((*item.cites, *_bases(item, registers))))
    if listed:
        found.update(dict.fromkeys(_general(listed, registers)))
    return tuple(found)


def _general(listed: Listing, registers: Registers) -> Iterator[Citation]:
    rows = (*listed.here, *listed.unsure, *listed.elsewhere)
    lists = [item.entry.list for item in rows if isinstance(item.entry, ListItem)]
    for text in dict.fromkeys(GENERAL[name] for name in lists or ["no_penalty_minor"]):
        parsed = registers.sources.parse(text)
        if isinstance(parsed, Citation):
            yield parsed


def _bases(item: Item, registers: Registers) -> Iterator[Citation]:
    for name in ("basis", "lenience_basis", "penalty_basis"):
        for text in getattr(item.entry, name, ()):
            parsed = registers.sources.parse(text)
            if isinstance(parsed, Citation):
                yield parsed
