"""The one root of all errors of the program.

It stands below every room because two rooms that must not know each other (`knowledge` and `store`)
raise errors that one place at the top turns into a sentence for a person.
"""


class ZhifaError(Exception):
    """Something that a person must be told about in one clear sentence.

    Args:
        message: what happened, what was kept and what to do, in Chinese for people who chat and in
            plain words for people at a terminal; never a traceback, never a secret.

    Attributes:
        code: stable name of the kind of error; tests and scripts may rely on it.
    """

    code = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(ZhifaError):
    """The command, setting or argument is wrong; nothing was changed."""

    code = "usage"


class ContentError(ZhifaError):
    """Content of the knowledge base is wrong; the message carries `file:line: ` for each fault.

    Args:
        problems: one line for each fault, each beginning with `file:line: `.
    """

    code = "content"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class IndexUnavailable(ZhifaError):
    """The search index cannot be built or opened. Never to be confused with «nothing found»."""

    code = "index"


class StoreError(ZhifaError):
    """The database cannot be opened, is busy, or has a schema this program does not know."""

    code = "store"


class Overtaken(StoreError):
    """Another transaction changed first what this one builds on; nothing was written, think again."""

    code = "overtaken"


class LeaseLost(StoreError):
    """Another process leads now; what this one wanted to write was refused."""

    code = "lease"


class Forbidden(ZhifaError):
    """The person may not do this; nothing was changed."""

    code = "forbidden"
