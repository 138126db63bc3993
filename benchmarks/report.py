"""`python -m benchmarks.report [dev|test] [--wrong]`: what became of the golden set."""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import cast

from benchmarks.golden import Asked, Half, ask_all, ask_dialogues, ask_unanswerable
from knowledge.library import Library


def share(rows: list[Asked], *outcomes: str) -> float:
    """Share of rows with one of the outcomes."""
    return sum(row.outcome in outcomes for row in rows) / max(1, len(rows))


def summary(library: Library, half: Half) -> str:
    """A few lines of figures for one half."""
    asked = ask_all(library, half)
    clean = [row for row in asked if row.row["noise"] is None]
    noisy = [row for row in asked if row.row["noise"] is not None]
    lines = [f"{half}: {len(asked)} questions, {len(clean)} clean, {len(noisy)} noisy"]
    for name, rows in (("clean", clean), ("noisy", noisy), ("all", asked)):
        lines.append(
            f"  {name:6} right {share(rows, 'right'):.3f}  right or offered {share(rows, 'right', 'choices_right'):.3f}"
            f"  answered wrong {share(rows, 'wrong'):.3f}  wrong choices {share(rows, 'choices_wrong'):.3f}"
            f"  unknown {share(rows, 'unknown'):.3f}"
        )
    kinds = Counter(str(row.row["noise"]) for row in noisy if row.outcome == "right")
    totals = Counter(str(row.row["noise"]) for row in noisy)
    lines.append("  noise  " + "  ".join(f"{kind} {kinds[kind]}/{totals[kind]}" for kind in sorted(totals)))
    negative = ask_unanswerable(library, half)
    answered = sum(row.outcome == "answered" for row in negative if row.row["expect"] != ["any_but_refused"])
    lines.append(
        f"  not to be answered: {len(negative)}, as expected {share(negative, 'right'):.3f}, answered {answered}, "
        f"offered choices {sum(row.outcome == 'choices' for row in negative)}"
    )
    dialogues = ask_dialogues(library, half)
    turns = [turn for dialogue in dialogues for turn in dialogue]
    later = [turn for dialogue in dialogues for turn in dialogue[1:]]
    whole = sum(all(turn.outcome == "right" for turn in dialogue) for dialogue in dialogues)
    lines.append(
        f"  dialogues {len(dialogues)}: turns right {share(turns, 'right'):.3f}, follow-ups right "
        f"{share(later, 'right'):.3f}, whole dialogues right {whole}"
    )
    return "\n".join(lines)


def main() -> None:
    """Print the report; with --wrong also each row that did not go right."""
    halves = [word for word in sys.argv[1:] if word in {"dev", "test"}] or ["dev", "test"]
    with tempfile.TemporaryDirectory() as folder:
        library = Library.open(Path(folder))
        for half in halves:
            print(summary(library, cast(Half, half)))
            if "--wrong" in sys.argv:
                rows = [*ask_all(library, cast(Half, half)), *ask_unanswerable(library, cast(Half, half))]
                rows += [turn for dialogue in ask_dialogues(library, cast(Half, half)) for turn in dialogue]
                for row in rows:
                    if row.outcome != "right":
                        found = row.verdict.match.entry if row.verdict.match else row.verdict.reason
                        offered = [choice.entry for choice in row.verdict.choices]
                        wanted = row.row.get("cites", "")
                        print(
                            f"  {row.outcome:14} {row.verdict.score:.2f} {row.row['q']} -> {found} {offered} {wanted}"
                        )


if __name__ == "__main__":
    main()
