"""Choosing where one works."""

from dataclasses import replace

from actions.message import Button, Incoming, Reply, say
from handlers.context import Act, Context, just
from handlers.pages import number, paged
from zhifa_errors import UsageError


def choose(incoming: Incoming, context: Context, argument: str) -> Act:
    """`/place`: offer the places; `/place 铁岭`: choose at once."""
    if argument:
        return typed(context, argument) or just(
            context.state, say(f"没有找到「{argument[:20]}」，地区没有改动。请用 /place 从列表里选。")
        )
    return page(incoming, context, "0")


def page(incoming: Incoming, context: Context, argument: str) -> Act:
    """One page of the list of places."""
    places = context.library.registers.places
    buttons = [Button(row.path.replace("/", " "), f"place:{row.slug}") for row in places.by_path.values()]
    here = context.place.replace("/", "")
    text = f"现在按「{here}」回答。请选工作地区，或直接输入地名（/cancel 退出）："
    reply = Reply(say(text).blocks, paged(buttons, number(argument), "places"), incoming.message)
    return just(replace(context.state, dialogue={"name": "place"}), reply)


def pick(_incoming: Incoming, context: Context, slug: str) -> Act:
    """A place was tapped."""
    path = context.library.registers.places.by_slug.get(slug)
    if path is None:
        return just(context.state, say("这个地区已经不在列表里，请用 /place 重新选择。"))
    return _chosen(context, path)


def typed(context: Context, text: str) -> Act | None:
    """A place was typed; None where the text is no place."""
    try:
        path, outside = context.library.place(text)
    except UsageError:
        return None
    return _chosen(context, path, outside)


def _chosen(context: Context, path: str, outside: str | None = None) -> Act:
    shown = path.replace("/", "")
    words = f"好的，以后按「{shown}」回答。"
    if outside:
        words = f"本库没有收录{outside}的规定，以后按「{shown}」回答。"
    return just(replace(context.state, place=path, dialogue=None), say(words))
