"""What a scenario found: counts, and whether each is what it has to be."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One count.

    Attributes:
        bound: what it had to be, in words; empty for a mere figure.
        holds: whether it was.
    """

    name: str
    value: str
    bound: str = ""
    holds: bool = True


@dataclass
class Report:
    """The lines of one scenario.

    Attributes:
        seed: with which all that is random can be repeated, but for the moments a machine takes.
        kept: where database and log lie when a line does not hold.
    """

    scenario: str
    database: str
    seed: int
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0
    kept: str = ""

    def tell(self, name: str, value: object) -> None:
        """Add a figure that nothing is demanded of."""
        self.lines.append(Line(name, _shown(value)))

    def at_most(self, name: str, value: float, bound: float) -> None:
        """Add a count that may not be above a bound."""
        self.lines.append(Line(name, _shown(value), f"<= {_shown(bound)}", value <= bound))

    def at_least(self, name: str, value: float, bound: float) -> None:
        """Add a count that may not be below a bound."""
        self.lines.append(Line(name, _shown(value), f">= {_shown(bound)}", value >= bound))

    def exactly(self, name: str, value: object, wanted: object) -> None:
        """Add a count that has one right value."""
        self.lines.append(Line(name, _shown(value), f"= {_shown(wanted)}", value == wanted))

    @property
    def failed(self) -> list[Line]:
        """The lines that do not hold."""
        return [line for line in self.lines if not line.holds]

    @property
    def table(self) -> str:
        """All lines for a person to read."""
        head = f"{self.scenario} · {self.database} · seed {self.seed} · {self.seconds:.0f} s"
        rows = [f"  {_verdict(line):5} {line.name:52} {line.value:>12}  {line.bound}" for line in self.lines]
        return "\n".join([head, *rows, *([f"  kept in {self.kept}"] if self.kept else [])])


def _verdict(line: Line) -> str:
    if not line.bound:
        return ""
    return "ok" if line.holds else "FAILS"


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
