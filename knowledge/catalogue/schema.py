"""JSON Schema of the content's files, for editors that complete and check while one types."""

from typing import Any

from pydantic import TypeAdapter

from knowledge.catalogue.model import AnyEntry, Domain, PlacesFile, Source

_FORMS: dict[str, tuple[str, TypeAdapter[Any]]] = {
    "entries": ("Entries of one place and field", TypeAdapter(list[AnyEntry])),
    "sources": ("Register of sources", TypeAdapter(list[Source])),
    "places": ("Register of places", TypeAdapter(PlacesFile)),
    "domains": ("Register of fields", TypeAdapter(list[Domain])),
}
FORMS = tuple(_FORMS)
"""What a schema can be asked for."""


def schema(form: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one form of file.

    Raises:
        KeyError: there is no such form.
    """
    title, adapter = _FORMS[form]
    made = adapter.json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}
