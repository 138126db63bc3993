"""`zhifa serve` with every pace taken off, for measurements: `python -m benchmarks.serve_unpaced`."""

import argparse
from pathlib import Path

from benchmarks.meter import Profile, Transactions, never_sync
from bot.cli.serve import serve
from bot.pace import Limits

_BOUNDLESS = Limits(overall=10**6, chat=(10**6, 0.0), group=(10**6, 0.0))


def main() -> None:
    """Serve as the settings say, until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=Path, help="where to write down every transaction, at the end")
    parser.add_argument("--profile", type=Path, help="where to write down the processor time of functions, at the end")
    parser.add_argument("--no-sync", action="store_true", help="let SQLite not wait for the disk")
    arguments = parser.parse_args()
    transactions = Transactions() if arguments.spans else None
    profile = Profile() if arguments.profile else None
    if arguments.no_sync:
        never_sync()
    serve(_BOUNDLESS, paced=False)
    if transactions:
        transactions.save(arguments.spans)
    if profile:
        profile.save(arguments.profile)


if __name__ == "__main__":
    main()
