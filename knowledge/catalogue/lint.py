"""Editorial checks of content that loads: what a careful reader would strike out.

`load` refuses what is formally wrong; these rules look at what the entries say.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from rapidfuzz import fuzz, process, utils

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Content, Item
from knowledge.catalogue.model import Offence, Rule, Written
from knowledge.catalogue.numerals import numbers_in
from knowledge.catalogue.registers import NATION
from knowledge.catalogue.statutes import StatuteText

_TOO_SIMILAR = 85.0
_MUST = re.compile("应当|不得|必须|不予|禁止")
_MAY = re.compile("可以|有权")
_SOFT_NOT = re.compile("可以不予")
_ARTICLE_MENTION = re.compile(r"第?\d+条(第\d+款)?(第\d+项)?|〔\d{4}〕\d+号|\d{4}年(\d+月)?(\d+日)?|\d{4}-\d\d-\d\d")
_FIGURE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|(万))?")


def lint(content: Content, day: date, statutes: Mapping[str, StatuteText] | None = None) -> list[str]:
    """Check what entries say.

    Args:
        day: the day to judge «in force» by.
        statutes: official texts by title or short name; with them, cited articles must exist there and
            every figure of an answer must stand in one of the cited articles.

    Returns:
        One `file:line: message` for each finding.
    """
    findings: list[str] = []
    for item in content.items.values():
        entry = item.entry
        found = [*_force(item), *_place(content, item), *_versions(content, item, day)]
        if isinstance(entry, Written):
            found += _asks(item)
        if statutes is not None:
            found += _against_texts(content, item, statutes)
        findings += [f"{item.where}: «{entry.id}»: {message}" for message in found]
    return findings + list(_similar(content))


def _force(item: Item) -> Iterator[str]:
    entry = item.entry
    if not isinstance(entry, Rule) or entry.force is None:
        return
    if entry.force == "must" and not _MUST.search(_SOFT_NOT.sub("", entry.answer)):
        yield "`force: must`, but the answer says neither 应当 nor 不得"
    if entry.force == "may" and not _MAY.search(entry.answer):
        yield "`force: may`, but the answer does not say 可以"


def _place(content: Content, item: Item) -> Iterator[str]:
    """A local entry must say its place; a national one must not rest on one place's sources alone."""
    entry = item.entry
    places, sources = content.registers.places, content.registers.sources
    resting_on = {sources.by_id[cite.source].place for cite in item.cites}
    if item.place == NATION and len(resting_on) == 1 and NATION not in resting_on:
        yield f"an entry of the whole country rests on sources of {resting_on.pop()} alone"
    if item.place != NATION and isinstance(entry, Written):
        row = places.by_path.get(item.place)
        names = {places.label(item.place), *row.aliases} if row else set(item.place.split("/"))
        if not any(name in entry.answer + "".join(entry.points) for name in names if len(name) > 1):
            yield f"an entry of {item.place} must name the place in its answer"


def _versions(content: Content, item: Item, day: date) -> Iterator[str]:
    sources = content.registers.sources
    if not item.entry.in_force.covers(day):
        return
    for citation in item.cites:
        if sources.version(citation.source, day) is None:
            yield f"cites {sources.show(citation)}, which is not in force on {day}"
    if item.cites and item.entry.in_force.from_:
        first = sources.by_id[item.cites[0].source].versions
        if all(version.from_ and version.from_ > item.entry.in_force.from_ for version in first):
            yield f"says it holds from {item.entry.in_force.from_}, before the cited version of {first[0].from_}"


def _asks(item: Item) -> Iterator[str]:
    asks = [utils.default_process(ask).replace(" ", "") for ask in item.entry.ask]
    for n, ask in enumerate(asks):
        if ask in asks[:n]:
            yield f"the phrasing «{item.entry.ask[n]}» stands twice"


def _similar(content: Content) -> Iterator[str]:
    """Phrasings of different entries of the same places that a search could not tell apart."""
    by_place: dict[str, list[tuple[str, Item]]] = defaultdict(list)
    for item in content.items.values():
        if isinstance(item.entry, Written):
            by_place[item.place] += [(ask, item) for ask in item.entry.ask]
    for rows in by_place.values():
        texts = [ask for ask, _ in rows]
        for n, (ask, item) in enumerate(rows):
            for other, score, at in process.extract(
                ask, texts[n + 1 :], scorer=fuzz.ratio, score_cutoff=_TOO_SIMILAR + 0.01, limit=None
            ):
                twin = rows[n + 1 + at][1]
                if twin.entry.id != item.entry.id and numbers_in(ask) == numbers_in(other):
                    yield (
                        f"{item.where}: «{item.entry.id}»: «{ask}» is too like «{other}» of "
                        f"«{twin.entry.id}» ({score:.0f} %)"
                    )


def _against_texts(content: Content, item: Item, statutes: Mapping[str, StatuteText]) -> Iterator[str]:
    texts: list[str] = []
    complete = bool(item.cites)
    for citation in item.cites:
        text = _text_of(content, citation, statutes)
        if text is None:
            complete = False
        elif text == "":
            yield f"{content.registers.sources.show(citation)} is not in the text of the statute"
        else:
            texts.append(text)
    entry = item.entry
    if isinstance(entry, Offence) and entry.penalty:
        bases = [_basis_text(content, text, statutes) for text in entry.penalty_basis]
        yield from _strange_figures(entry.penalty, [text for text in bases if text])
    if isinstance(entry, Written) and complete:
        yield from _strange_figures(" ".join((entry.answer, *entry.points)), texts)


def _strange_figures(said: str, texts: Sequence[str]) -> Iterator[str]:
    held = set().union(*(numbers_in(text) for text in texts))
    written = "".join("".join(text.split()) for text in texts)
    for match in _FIGURE.finditer(_ARTICLE_MENTION.sub(" ", said)):
        figure = match[0].replace(" ", "")
        in_full = str(round(float(match[1]) * 10_000)) if match[2] else figure
        if in_full not in held and not (match[2] and figure in written):
            yield f"the figure «{figure}» stands in none of the cited articles"


def _basis_text(content: Content, text: str, statutes: Mapping[str, StatuteText]) -> str | None:
    parsed = content.registers.sources.parse(text)
    return _text_of(content, parsed, statutes) if isinstance(parsed, Citation) else None


def _text_of(content: Content, citation: Citation, statutes: Mapping[str, StatuteText]) -> str | None:
    """The cited text; empty where the statute is at hand but the article is not in it, None where it is not."""
    source = content.registers.sources.by_id[citation.source]
    names = (source.title, source.short, *source.aliases)
    statute = next((statutes[name] for name in names if name in statutes), None)
    if statute is None:
        return None
    if citation.article is None:
        return statute.whole
    return statute.articles.get(citation.article, "")
