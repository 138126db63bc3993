"""The open transaction that every `do_`, `list_` and `find_` takes; opened only at the top."""

from store.db import Tx

__all__ = ["Tx"]
