"""A bot that only answers: the connections of the program with nothing behind them, to see what they cost."""

import asyncio
from typing import Any

from bot.channels.telegram.api import Api
from bot.sending import SENDERS
from bot.settings import read_settings

LENGTH = 400
"""Characters of an answer; about what the program's have, with their markup."""


async def _answer(api: Api, update: Any, free: asyncio.Semaphore) -> None:
    message = update["message"]
    text = (message["text"] + "。") * LENGTH
    async with free:
        await api.bot.send_message(message["chat"]["id"], text[:LENGTH])


async def echo() -> None:
    """Answer every message with itself, at most as many at once as the program, until killed."""
    api, offset, free = Api(read_settings()), None, asyncio.Semaphore(SENDERS)
    await api.open()
    async with asyncio.TaskGroup() as answers:
        while True:
            batch = await api.fetch(offset)
            offset = batch.next_update or offset
            for update in batch.updates:
                answers.create_task(_answer(api, update, free))


if __name__ == "__main__":
    asyncio.run(echo())
