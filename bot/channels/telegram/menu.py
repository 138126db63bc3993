"""Command menus in Chinese: one for everybody, one for groups, and one for each person who is enrolled."""

import asyncio
from collections.abc import Iterable

from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats, BotCommandScopeChat

from actions.people import find_person
from actions.permissions import Person
from bot.app import App
from bot.channels.telegram.api import Api
from handlers.help_ import Item, menu
from store import channels

_ABOUT = "四张清单和办案程序：直接提问，每条回答都注明依据，不知道的会说「不确定」。"
_SHORT = "行政执法人员的问答助手"


class Menus:
    """Sets command menus.

    Args:
        app: the built program.
        api: the bot.
        channel: its name.
    """

    def __init__(self, app: App, api: Api, channel: str) -> None:
        self._app = app
        self._api = api
        self._channel = channel
        self._suited: set[str] = set()

    async def everybody(self) -> None:
        """The menus and the description that everybody sees."""
        bot = self._api.bot
        items = menu(None)
        await bot.set_my_commands(_commands(items), BotCommandScopeAllPrivateChats())
        await bot.set_my_commands(_commands(i for i in items if not i.personal), BotCommandScopeAllGroupChats())
        await bot.set_my_description(_ABOUT)
        await bot.set_my_short_description(_SHORT)

    async def suit(self, address: str, sender: str, *, anew: bool) -> None:
        """Give a private chat the menu of its person, where it has another.

        Args:
            anew: the person may have become another since the last look.
        """
        if address in self._suited and not anew:
            return
        person, wanted, shown = await asyncio.to_thread(self._look, address, sender)
        if wanted != shown:
            await self._api.bot.set_my_commands(_commands(menu(person)), BotCommandScopeChat(int(address)))
            await asyncio.to_thread(self._note, address, wanted)
        self._suited.add(address)

    def _look(self, address: str, sender: str) -> tuple[Person | None, str | None, str | None]:
        with self._app.database.read() as tx:
            person = find_person(tx, self._channel, sender)
            return person, person.role if person else None, channels.menu(tx, self._channel, address)

    def _note(self, address: str, role: str | None) -> None:
        with self._app.database.write() as tx:
            channels.set_menu(tx, self._channel, address, role)


def _commands(items: Iterable[Item]) -> list[BotCommand]:
    return [BotCommand(item.name, item.label) for item in items]
