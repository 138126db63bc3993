"""Links that carry an invitation code to the chat."""

import asyncio

from bot.logs import logger
from bot.settings import Settings

_SECONDS = 5.0
_log = logger("links")


async def invitation_link(settings: Settings, code: str) -> str:
    """The link that opens the chat with a code: Telegram's where it is on and answers, else the page's.

    On the page the code is in the fragment, which browsers send to nobody, so that no server log holds it.

    Returns:
        The link; empty where there is neither Telegram nor a page.
    """
    name = await bot_name(settings)
    if name:
        return f"https://t.me/{name}?start={code}"
    if settings.public_url:
        return f"{settings.public_url.rstrip('/')}/#start={code}"
    if settings.web_listen == "off":
        return ""
    host, port = settings.web_address
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/#start={code}"


async def bot_name(settings: Settings) -> str | None:
    """The bot's user name; None where Telegram is off or cannot say it within five seconds."""
    if settings.telegram_token is None:
        return None
    from telegram.error import TelegramError

    from bot.channels.telegram.api import Api

    api = Api(settings)
    try:
        async with asyncio.timeout(_SECONDS):
            await api.open()
    except (TelegramError, TimeoutError) as error:
        # Its text may hold the token; its kind says enough.
        _log.warning("telegram_unreachable", kind=type(error).__name__, instead="the page's link")
        return None
    else:
        return api.bot.username
    finally:
        await api.close()
