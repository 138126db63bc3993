"""Citations, places and fields: what people write is what is meant, and what does not exist is refused."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from knowledge.catalogue.citations import Citation, parse_part
from knowledge.catalogue.load import BUNDLED, load
from knowledge.catalogue.model import PlaceRow, PlacesFile, Source, Version
from knowledge.catalogue.registers import NATION, Sources, check_places
from knowledge.library import Library
from tests.chinese import chinese

CONTENT = load([BUNDLED])
REGISTERS = CONTENT.registers
SOURCES, PLACES = REGISTERS.sources, REGISTERS.places
STATUTES = [source for source in SOURCES.by_id.values() if source.versions[-1].articles]
DOCUMENTS = [source for source in SOURCES.by_id.values() if not source.versions[-1].articles]


@st.composite
def _existing(draw: st.DrawFn) -> Citation:
    """A part of a statute that exists."""
    source = draw(st.sampled_from(STATUTES))
    version = source.versions[-1]
    article = draw(st.integers(1, version.articles or 1))
    paragraphs = version.paragraphs[article - 1] if version.paragraphs else 0
    items = version.items[article - 1] if version.items else 0
    paragraph = draw(st.none() | st.integers(1, paragraphs)) if paragraphs else None
    item = draw(st.none() | st.integers(1, items).map(str)) if items else None
    return Citation(source.id, article, paragraph, item)


def _written(citation: Citation, numeral: type[str] = str) -> str:
    return "".join(
        f"第{numeral(int(number))}{unit}"
        for number, unit in ((citation.article, "条"), (citation.paragraph, "款"), (citation.item, "项"))
        if number is not None
    )


@given(_existing(), st.data())
def test_a_citation_is_read_from_every_name_of_its_source_in_either_script(cite: Citation, data: st.DataObject) -> None:
    """Title, short name, alias, number and id, with Arabic or Chinese figures, mean the same place."""
    name = data.draw(st.sampled_from(sorted(name for name, key in SOURCES.names.items() if key == cite.source)))
    in_chinese = _written(cite, numeral=chinese)  # type: ignore[arg-type]
    assert SOURCES.parse(name + _written(cite)) == SOURCES.parse(name + in_chinese) == cite


@given(_existing())
def test_what_is_shown_can_be_written_again(cite: Citation) -> None:
    """The citation a person reads, without its 《》, is one the content may hold."""
    assert SOURCES.parse(SOURCES.show(cite).replace("《", "").replace("》", "")) == cite


def test_every_citation_of_the_content_survives_showing_and_reading() -> None:
    """No entry rests on a citation that could not be looked up from what the answer shows."""
    cites = [cite for item in CONTENT.items.values() for cite in item.cites]
    again = [SOURCES.parse(SOURCES.show(cite).replace("《", "").replace("》", "")) for cite in cites]
    assert len(cites) > 300
    assert again == cites


@given(st.sampled_from(STATUTES), st.integers(1, 5000))
def test_an_article_beyond_the_last_is_refused(source: Source, beyond: int) -> None:
    """One line says how many articles there are."""
    last = source.versions[-1].articles or 0
    refusal = SOURCES.parse(f"{source.short}第{min(last + beyond, 9999)}条")
    assert isinstance(refusal, str)
    assert str(last) in refusal


@given(_existing())
def test_a_paragraph_or_item_beyond_the_last_is_refused(cite: Citation) -> None:
    """A part that the article does not have is not cited, not even silently as the whole article."""
    whole = f"{SOURCES.by_id[cite.source].short}第{cite.article}条"
    assert isinstance(SOURCES.parse(f"{whole}第99款"), str)
    assert isinstance(SOURCES.parse(f"{whole}第99项"), str)


@pytest.mark.parametrize(
    "text",
    [
        "行政处罚法第0条",
        "行政处罚法第33条第0款",
        "行政处罚法第57条第1款第0项",
        "行政处罚法第1款",
        "行政处罚法第1项",
        "行政处罚法第万条",
        "行政处罚法第33条第1款之一",
        "行政处罚法第33条和第34条",
        "行政处罚法33条",
        "行政处罚法第12345条",
        "《行政处罚法》第33条",
        "某某法第1条",
        "第33条",
        "辽政办发〔2023〕18号第0项",
        "国办发〔2022〕27号第3条",
        "",
    ],
)
def test_what_is_no_citation_is_said_to_be_none(text: str) -> None:
    """A citation that cannot be opened is a fault with words, never a citation of something near it."""
    assert isinstance(SOURCES.parse(text), str)


@given(st.text(max_size=30) | st.text(alphabet="行政处罚法第条款项0123456789零一十百万()（） ", max_size=30))
def test_no_text_makes_the_reader_of_citations_fail(text: str) -> None:
    """Any text is a citation of a source that exists, or a sentence."""
    read = SOURCES.parse(text)
    assert isinstance(read, str) or SOURCES.fault(read) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("第33条第1款第2项", (33, 1, "2")),
        ("第三十三条第（二）项", (33, None, "2")),
        ("第33条第(2)项", (33, None, "2")),
        ("第8项", (None, None, "8")),
        ("", (None, None, None)),
        ("第8", None),
        ("第2项第1款", None),
    ],
)
def test_the_part_of_a_citation_is_read(text: str, part: tuple[int | None, int | None, str | None] | None) -> None:
    """Article, paragraph and item, each optional, in this order."""
    assert parse_part(text) == part


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda source: source.id)
def test_a_document_is_cited_by_item_and_shown_by_its_number(document: Source) -> None:
    """A policy document has items and no articles; its number stands without 《》."""
    cite = SOURCES.parse(f"{document.short}第8项")
    assert cite == Citation(document.id, item="8")
    assert SOURCES.show(Citation(document.id)).startswith("《") == (document.short != document.number)
    assert SOURCES.json(Citation(document.id, item="8"), date(2026, 11, 21)) == {"source": document.short, "item": "8"}


def test_a_statute_in_json_carries_the_version_of_the_day() -> None:
    """The version is the day of promulgation of what was in force; before any version there is none."""
    cite = Citation("xzcf", 33, 1)
    assert SOURCES.json(cite, date(2026, 11, 21)) == {
        "source": "行政处罚法",
        "article": 33,
        "paragraph": 1,
        "version": "2021-01-22",
    }
    assert "version" not in SOURCES.json(cite, date(1990, 1, 1))


def _two_versions(change: date) -> Sources:
    common = {"id": "x", "title": "某某法", "short": "某某法", "level": "law", "issuer": "某机关", "place": NATION}
    old = {"promulgated": date(2000, 1, 1), "from": date(2000, 1, 1), "until": change, "articles": 10}
    new = {"promulgated": change, "from": change + timedelta(days=1), "until": None, "articles": 20}
    source = Source.model_validate({**common, "versions": [old, new]})
    return Sources({"x": source})


@given(st.dates(date(2001, 1, 1), date(2100, 1, 1)))
def test_a_version_holds_to_the_end_of_its_last_day(change: date) -> None:
    """Both days of a version are inclusive: no day between two versions has none, and none has two."""
    sources = _two_versions(change)
    versions = sources.by_id["x"].versions
    assert sources.version("x", change) == versions[0]
    assert sources.version("x", change + timedelta(days=1)) == versions[1]
    assert sources.version("x", date(1999, 12, 31)) is None
    assert sources.fault(Citation("x", 15), change) is not None
    assert sources.fault(Citation("x", 15), change + timedelta(days=1)) is None
    assert sources.fault(Citation("x", 15)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": date(2020, 12, 31)},
        {"until": date(2020, 1, 1)},
        {"articles": 2, "paragraphs": (1,)},
        {"paragraphs": (1,)},
        {"articles": 2, "items": (0, 0, 0)},
        {"articles": 0},
    ],
)
def test_a_version_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    """It cannot hold before it is promulgated, end before it begins, or count parts of articles it has not."""
    good = {"promulgated": date(2021, 1, 1), "from": date(2021, 1, 1), "until": None}
    assert Version.model_validate(good)
    with pytest.raises(ValidationError):
        Version.model_validate({**good, **wrong})


@pytest.mark.parametrize("row", PLACES.by_path.values(), ids=lambda row: row.slug)
def test_a_place_is_found_by_every_way_of_writing_it(row: PlaceRow) -> None:
    """Its path with or without strokes or spaces, its last part, its aliases."""
    names = [row.path, row.path.replace("/", ""), row.path.replace("/", " "), f" {row.path} ", *row.aliases]
    assert [PLACES.find(name) for name in names] == [row.path] * len(names)
    assert PLACES.by_slug[row.slug] == row.path
    assert not PLACES.is_elsewhere(row.path)


@pytest.mark.parametrize("row", PLACES.by_path.values(), ids=lambda row: row.slug)
def test_a_place_is_seen_in_running_text_and_taken_out_of_it(row: PlaceRow) -> None:
    """What is left of the question does not hold the name any more."""
    held, foreign, rest = PLACES.mentioned(f"请问{row.path.replace('/', '')}首违不罚要什么条件")
    assert (held, foreign, rest.replace(" ", "")) == ((row.path,), (), "请问首违不罚要什么条件")


@pytest.mark.parametrize("path", PLACES.by_path)
def test_a_chain_goes_up_to_the_nation(path: str) -> None:
    """The place first, the nation last, each the child of the next."""
    chain = PLACES.chain(path)
    assert (chain[0], chain[-1]) == (path, NATION)
    assert [PLACES.by_path[place].parent for place in chain] == [*chain[1:], None]


def test_the_chain_of_a_district_names_city_and_province() -> None:
    """罗湖 is asked about by its own rules, then 深圳's, then 广东's, then the nation's."""
    assert PLACES.chain("广东省/深圳市/罗湖区") == ("广东省/深圳市/罗湖区", "广东省/深圳市", "广东省", "全国")


@pytest.mark.parametrize(
    ("text", "held", "foreign"),
    [
        ("铁岭和辽宁的规定一样吗", ("辽宁省/铁岭市",), ()),
        ("辽宁省铁岭市怎么办", ("辽宁省/铁岭市",), ()),
        ("邢台与运城比呢", ("河北省/邢台市", "山西省/运城市"), ()),
        ("全国都一样吗", ("全国",), ()),
        ("全国和铁岭", ("辽宁省/铁岭市",), ()),
        ("沈阳市怎么罚", (), ("沈阳市",)),
        ("辽宁省沈阳市怎么罚", ("辽宁省",), ("沈阳市",)),
        ("内蒙古自治区的清单", (), ("内蒙古自治区",)),
        ("首违不罚", (), ()),
    ],
)
def test_places_of_a_sentence(text: str, held: tuple[str, ...], foreign: tuple[str, ...]) -> None:
    """Of one chain only the most specific counts; a place that is not held is told apart."""
    assert PLACES.mentioned(text)[:2] == (held, foreign)


def test_a_place_elsewhere_is_recognised_and_never_held() -> None:
    """A question about it must not be answered with another place's rule."""
    assert len(PLACES.elsewhere) > 300
    assert [name for name in PLACES.elsewhere if not PLACES.is_elsewhere(name)] == []
    assert [name for name in PLACES.elsewhere if PLACES.mentioned(f"{name}怎么规定")[:2] != ((), (name,))] == []


@pytest.mark.parametrize("name", ["火星", "", "市", "首违不罚", "33"])
def test_what_is_no_place_is_none(name: str) -> None:
    """Neither held nor elsewhere."""
    assert (PLACES.find(name), PLACES.is_elsewhere(name)) == (None, False)


@given(st.text(max_size=40))
def test_no_text_makes_the_places_fail(text: str) -> None:
    """Finding and recognising work on anything that is typed."""
    held, _, _ = PLACES.mentioned(text)
    assert set(held) <= PLACES.by_path.keys()
    assert PLACES.find(text) in {None, *PLACES.by_path}


def _places(*rows: tuple[str, str, str | None, tuple[str, ...]]) -> PlacesFile:
    return PlacesFile(
        places=tuple(
            PlaceRow(path=path, code="000000", slug=slug, parent=parent, aliases=aliases)
            for path, slug, parent, aliases in rows
        )
    )


_NATION_ROW = (NATION, "national", None, ())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("甲省", "jia", "乙省", ())], "is not in places.yaml"),
        ([("甲省", "jia", "甲省", ())], "cycle"),
        ([("甲省", "jia", "乙省", ()), ("乙省", "yi", "甲省", ())], "cycle"),
        ([("甲省", "jia", NATION, ()), ("乙省", "jia", NATION, ())], "the folder «jia»"),
        ([("甲省", "jia", NATION, ("甲",)), ("乙省", "yi", NATION, ("甲",))], "the alias «甲»"),
    ],
)
def test_a_place_tree_that_is_none_is_said_to_be(
    rows: list[tuple[str, str, str | None, tuple[str, ...]]], says: str
) -> None:
    """Unknown parents, cycles, and folders or aliases of two places."""
    assert all(says in message for _, message in check_places(_places(_NATION_ROW, *rows)))
    assert list(check_places(_places(_NATION_ROW, *rows)))
    assert not list(check_places(_places(_NATION_ROW, ("甲省", "jia", NATION, ("甲",)))))


def test_fields_are_named_by_themselves_or_an_alias_and_never_by_the_general_one() -> None:
    """«餐饮» is food, «城管» is urban; «综合» names no field."""
    assert REGISTERS.domains.mentioned("餐饮店过期食品") == {"food"}
    assert REGISTERS.domains.mentioned("城管和消防联合检查") == {"urban", "fire"}
    assert REGISTERS.domains.mentioned("综合执法") == frozenset()


def test_the_compiled_registers_are_those_of_the_content(library: Library) -> None:
    """Nothing of a register is lost on its way through the index."""
    assert library.registers.sources.by_id == SOURCES.by_id
    assert library.registers.places.by_path == PLACES.by_path
    assert library.registers.places.elsewhere == PLACES.elsewhere
    assert library.registers.domains.by_id == REGISTERS.domains.by_id
