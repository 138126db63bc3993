"""Run the played Bot API alone: `python -m tests.botapi --port 8081`, and write to the bot line by line."""

import argparse
import sys
import threading
from contextlib import suppress

from tests.botapi.api import BotApi
from tests.botapi.people import Person
from tests.botapi.state import Sent

_KNOWN = 1


def _print_news(api: BotApi, person: Person, seen: dict[int, str], stop: threading.Event) -> None:
    """Print what the person sees whenever it changes."""

    def news() -> list[Sent]:
        return [sent for sent in api.sent_to(person.id) if seen.get(sent.message_id) != _screen(sent)]

    while not stop.is_set():
        api.wait_until(lambda: news() or stop.is_set(), timeout=10**6)
        for sent in news():
            seen[sent.message_id] = _screen(sent)
            print(f"--- {sent.message_id}\n{_screen(sent)}", flush=True)


def _screen(sent: Sent) -> str:
    return "\n".join([sent.text, *(f"  [{button.label}]" for button in sent.buttons)])


def _act(api: BotApi, person: Person, line: str) -> None:
    try:
        if line.startswith(">"):
            person.presses(api.sent_to(person.id)[-1], line[1:].strip())
        elif line:
            person.types(line)
    except LookupError as fault:
        print(f"({fault})", flush=True)


def main() -> None:
    """Serve until the end of the input; a line is typed to the bot, `>label` presses a button of the last message."""
    parser = argparse.ArgumentParser(prog="python -m tests.botapi", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 for any free port")
    with BotApi(port=parser.parse_args().port) as api:
        print(f"base URL {api.base_url}\ntoken    {api.token}", flush=True)
        person, stop = api.person(_KNOWN, "您"), threading.Event()
        printer = threading.Thread(target=_print_news, args=(api, person, {}, stop))
        printer.start()
        with suppress(KeyboardInterrupt):
            for line in sys.stdin:
                _act(api, person, line.strip())
        stop.set()
        with api.changed:
            api.changed.notify_all()
        printer.join()
        print("\n".join(["violations:", *api.violations]))


if __name__ == "__main__":
    main()
