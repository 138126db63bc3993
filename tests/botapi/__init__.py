"""A strict stand-in for Telegram's Bot API (10.1) on loopback, spoken with over real HTTP.

    with BotApi() as api:                              # the program gets api.base_url and api.token
        officer = api.person(42, "王警官")
        officer.starts()
        api.wait_until(lambda: api.count(42) == 1)
        officer.presses(api.sent_to(42)[-1], "原文").wait()
        api.fail_next("sendMessage", drop(after=True))  # taken, but the confirmation is lost
        assert api.violations == [] and api.unanswered() == []

What the bot did wrong by the documentation is in `violations`, what Telegram takes but nobody can have wanted in
`warnings`; what also a right program meets (blocked, not found, too many) is only in `calls`. A group delivers
everything that is said in it, as with privacy mode off. Of inline results, articles and stored documents are known.
"""

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
