"""Several processes on one PostgreSQL: one leads, the others serve, keep what they are brought, and take over."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from knowledge.library import Library
from tests.botapi import BotApi
from tests.databases import Postgres
from tests.telegram_support import PATIENCE, Bot, Talk, free_port, proper

QUESTION, OTHER_QUESTION = "听证几天内申请", "登记保存几天内处理"


class Pair:
    """Two programs on one database and one Bot API, of which the second stands by.

    Args:
        env: settings of both; `own`: of each.
    """

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        library: Library,
        postgres: Postgres,
        own: list[dict[str, str]],
        **env: str,
    ) -> None:
        self.api = stack.enter_context(BotApi())
        url = postgres.current()
        self.bots = []
        for number, settings in enumerate(own):
            place = folder / str(number)
            place.mkdir()
            bot = Bot(place, self.api, library.index.path, ZHIFA_DATABASE_URL=url, **env, **settings)
            self.bots.append(stack.enter_context(bot))
        self.leader, self.standby = self.bots
        self.leader.start().receiving()
        self.standby.start()
        self.officer = Talk(self.api, self.api.person(7001, "小王"))


def test_what_the_standby_is_brought_the_leader_answers(library: Library, postgres: Postgres, tmp_path: Path) -> None:
    """A webhook's updates may reach any process: kept there, answered once, also after the leader was killed."""
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        pair = Pair(
            stack,
            tmp_path,
            library,
            postgres,
            [{"ZHIFA_TELEGRAM_WEBHOOK_LISTEN": f"127.0.0.1:{port}"} for port in ports],
            ZHIFA_TELEGRAM_WEBHOOK_URL=f"http://127.0.0.1:{ports[1]}/telegram/hook",
        )
        with proper(pair.api):
            assert "5 个工作日" in pair.officer.ask(QUESTION).text
            assert pair.standby.records("leading") == []
            pair.leader.kill()
            assert "7 个工作日" in pair.officer.ask(OTHER_QUESTION).text
            pair.standby.event("leading")
            assert len(pair.officer.answers) == 2


@pytest.mark.parametrize("leaves", [Bot.kill, Bot.stop])
def test_the_page_of_a_standby_works_and_it_takes_over(
    library: Library, postgres: Postgres, tmp_path: Path, leaves: Callable[[Bot], object]
) -> None:
    """Both serve their pages; when the leader is killed or stopped the other polls, and nobody notices."""
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        own = [{"ZHIFA_WEB_LISTEN": f"127.0.0.1:{port}"} for port in ports]
        pair = Pair(stack, tmp_path, library, postgres, own)
        for port in ports:
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).json()["ok"] is True
        with proper(pair.api):
            pair.officer.ask(QUESTION)
            leaves(pair.leader)
            pair.officer.ask(OTHER_QUESTION)
        pair.standby.event("leading")
        pair.api.wait_until(lambda: len(pair.officer.answers) == 2, PATIENCE)
