"""A strict stand-in for Telegram's Bot API on loopback, spoken with over real HTTP."""

from tests.botapi.api import TOKEN, BotApi
from tests.botapi.calls import Call, Limits, TooEarly
from tests.botapi.faults import Fault, Faults, drop, error, slow, too_many
from tests.botapi.people import Asked, Event, Group, Person
from tests.botapi.state import Button, Sent, Shown

__all__ = [
    "TOKEN",
    "Asked",
    "BotApi",
    "Button",
    "Call",
    "Event",
    "Fault",
    "Faults",
    "Group",
    "Limits",
    "Person",
    "Sent",
    "Shown",
    "TooEarly",
    "drop",
    "error",
    "slow",
    "too_many",
]
