"""Synthetic entries, so that the search can be measured at sizes the content has not reached.

Made of the content's own words: a subject put together from the lexicon and a fragment of a real answer
takes the place of the subject in real phrasings, and real clauses are dealt anew into answers. Pairs of
characters thus collide as they would between real entries, and none of it answers a golden question:
every synthetic entry cites a synthetic source. Same content, same entries; a smaller filling is the
beginning of a larger one.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import product
from random import Random
from typing import Any

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Content, Item
from knowledge.catalogue.model import ENTRY, Source, Version, Written
from knowledge.catalogue.registers import Registers, Sources
from knowledge.search.lexicon import Lexicon
from knowledge.search.profile import body_text, head_texts
from knowledge.search.text import runs

SEED = 20261121
_PER_SOURCE = 100
"""A source for every hundred entries, as the content has: the names of sources are searched for too."""
_CLAUSE = re.compile(r"[^，。；：、（）\n]{2,40}")
_SUBJECT = "\N{OBJECT REPLACEMENT CHARACTER}"
_TEXTS = frozenset(
    {"answer", "points", "conditions", "consequence", "steps", "do", "who", "documents", "pitfalls", "starts"}
    | {"counting", "if_missed", "how_much", "every", "means", "not_to_confuse_with"}
)
_DAY = date(2020, 1, 1)


def filled(content: Content, lexicon: Lexicon, size: int) -> Content:
    """The content with synthetic entries up to a size; as it is where it is that large already."""
    wanted = size - len(content.items)
    if wanted <= 0:
        return content
    words = _Words(content, lexicon)
    sources = [words.source(n) for n in range(-(-wanted // _PER_SOURCE))]
    made = (words.item(n, sources[n // _PER_SOURCE]) for n in range(wanted))
    registers = content.registers
    by_id = {**registers.sources.by_id, **{source.id: source for source in sources}}
    return Content(
        {**content.items, **{item.entry.id: item for item in made}},
        Registers(Sources(by_id), registers.places, registers.domains),
    )


class _Words:
    """What the real content is made of, in pieces that can be put together anew."""

    def __init__(self, content: Content, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._templates = [item for item in content.items.values() if isinstance(item.entry, Written)]
        self._names = [name for name in lexicon.concepts if len(name) > 1]
        self._known: set[str] = set()
        self._frames: dict[str, list[str]] = defaultdict(list)
        self._clauses: list[str] = []
        self._heads: dict[str, list[str]] = {}
        for item in self._templates:
            heads = self._heads[item.entry.id] = head_texts(item, content.registers.places)
            self._known.update(heads)
            for head in heads:
                self._frames[self._intent(head)].append(self._frame(head))
            self._clauses += _CLAUSE.findall(body_text(item.entry).replace(",", "，"))
        self._fragments = [run for clause in self._clauses for run in runs(clause) if 2 <= len(run) <= 7]

    def source(self, n: int) -> Source:
        """The n-th synthetic source, named after two ideas of the lexicon."""
        pairs = [a + b for a, b in product(self._names, repeat=2) if a != b]
        name = Random(SEED).sample(pairs, len(pairs))[n] + "补充规定"
        version = Version.model_validate({"promulgated": _DAY, "from": _DAY, "until": None, "articles": _PER_SOURCE})
        return Source(
            id=f"filler-{n}", title=name, short=name, level="rule", issuer="样本", place="全国", versions=(version,)
        )

    def item(self, n: int, source: Source) -> Item:
        """The n-th synthetic entry; it depends on nothing but the content and n."""
        random = Random(f"{SEED}:{n}")
        template = random.choice(self._templates)
        subject = random.choice(("", "的", "和")).join(
            (random.choice(self._names), random.choice((random.choice(self._fragments), random.choice(self._names))))
        )
        frames = self._frames[self._intent(self._heads[template.entry.id][0])]
        count = max(5, len(template.entry.ask) + 1)
        texts = [random.choice(frames).replace(_SUBJECT, subject)[:60] for _ in range(count)]
        texts = [text if text not in self._known else f"{subject} {text}"[:60] for text in texts]
        article = n % _PER_SOURCE + 1
        data = template.entry.model_dump(by_alias=True) | {
            "id": f"filler.{n}",
            "title": texts[0],
            "ask": tuple(texts[1:]),
            "cites": (f"{source.short}第{article}条",),
            "related": (),
            "caveat": None,
        }
        entry = ENTRY.validate_python({name: self._dealt(name, value, random) for name, value in data.items()})
        return replace(template, entry=entry, cites=(Citation(source.id, article),), where=f"filler:{n}")

    def _intent(self, text: str) -> str:
        return min(self._lexicon.intents_in(text), default="")

    def _frame(self, text: str) -> str:
        """A phrasing with a hole where its subject was."""
        for at, spelling in self._lexicon.spans(text):
            if self._lexicon.spellings[spelling] not in self._lexicon.aspects:
                return text[:at] + _SUBJECT + text[at + len(spelling) :]
        return _SUBJECT + text

    def _dealt(self, name: str, value: Any, random: Random) -> Any:
        """A field with its clauses dealt anew; what is no text of the answer stays."""
        if name not in _TEXTS:
            return value
        if isinstance(value, Mapping):
            return {key: self._dealt(key, part, random) for key, part in value.items()}
        if isinstance(value, tuple | list):
            return tuple(self._dealt(name, part, random) for part in value)
        if not isinstance(value, str):
            return value
        clauses = (
            random.choice(self._clauses) if random.random() < 0.7 else clause for clause in _CLAUSE.findall(value)
        )
        text = "，".join(clauses)[:120]
        return text if len(text) > 4 else value
