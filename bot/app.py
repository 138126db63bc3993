"""The composition root: builds everything once and passes it down by argument."""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.logs import logger
from bot.settings import Settings
from knowledge.catalogue.load import BUNDLED
from knowledge.library import Library
from knowledge.search.build import build, index_name
from knowledge.search.index import Index
from store.db import Database
from store.upgrade import upgrade
from zhifa_errors import ContentError, UsageError, ZhifaError

Clock = Callable[[], datetime]

_CURRENT = "current"
_log = logger("app")


class Shelf:
    """The library in use. A new one takes its place only when it is whole.

    Args:
        settings: where content and indexes lie.
        bundled: the content under all other.
    """

    def __init__(self, settings: Settings, bundled: Path = BUNDLED) -> None:
        self._settings = settings
        self._bundled = bundled
        self.library = self._open()

    def _folders(self) -> list[Path]:
        return [self._bundled, *self._settings.folders]

    def _open(self) -> Library:
        into = self._settings.index_dir
        try:
            path = build(self._folders(), into)
        except ContentError as error:
            return self._last_good(into, error)
        _remember(into, path)
        return Library(Index(path))

    def _last_good(self, into: Path, error: ContentError) -> Library:
        """The index that was used last, where the content on disk has become wrong."""
        note = into / _CURRENT
        if not note.is_file():
            raise error
        path = into / note.read_text(encoding="utf-8").strip()
        if not path.is_file():
            raise error
        _log.error("content_refused", problems=error.problems[:20], using=path.name)
        return Library(Index(path))

    def refresh(self) -> bool:
        """Compile and take up changed content; what is wrong is logged and changes nothing.

        Returns:
            Whether the library changed.
        """
        try:
            if index_name(self._folders()) == self.library.index.path.name:
                return False
            path = build(self._folders(), self._settings.index_dir)
            fresh = Library(Index(path))
        except (ZhifaError, OSError) as error:
            _log.error("content_refused", problems=str(error).splitlines()[:20])
            return False
        self.library = fresh
        _remember(self._settings.index_dir, path)
        _log.info("content_changed", index=path.name, entries=fresh.index.size)
        return True


def _remember(into: Path, path: Path) -> None:
    """Note the index in use, and sweep away those of other content that nobody has touched for a while."""
    note = into / _CURRENT
    aside = into / f".{_CURRENT}-{os.getpid()}"
    aside.write_text(path.name, encoding="utf-8")
    aside.replace(note)
    others = sorted(into.glob("knowledge-*.db"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in others[4:]:
        if old != path:
            old.unlink(missing_ok=True)


@dataclass(frozen=True)
class App:
    """Everything the channels need."""

    settings: Settings
    database: Database
    shelf: Shelf
    clock: Clock
    place: str


def calm_collector() -> None:
    """Keep Python's garbage collector off what lives as long as the program, and rarely at the rest.

    A full collection over a large library's caches takes longer than an answer may.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def open_app(settings: Settings) -> App:
    """Build the program: data folder, database at the newest schema, library, default place.

    Raises:
        UsageError: the data folder cannot be used, or ZHIFA_JURISDICTION names no place.
        StoreError, ContentError, IndexUnavailable: as their parts raise them.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"ZHIFA_DATA_DIR: {settings.data_dir}: {error.strerror}") from None
    shelf = Shelf(settings)
    place, _ = shelf.library.place(settings.jurisdiction)
    database = Database(settings.database())
    upgrade(database, settings.data_dir)
    return App(settings, database, shelf, lambda: datetime.now(settings.zone), place)
