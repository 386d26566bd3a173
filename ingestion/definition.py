"""What a batch was conformed with, as digests: contract, profile, entities, code lists.

Belongs here: which of our files decide what a feed's bytes become, and telling two states of them
apart. Not here: conforming again (`again.py`) or where digests are kept (`ledger.py`).

Only what decides the rows counts: a label, an owner or a rhythm changes nothing, and neither does a
nullable column that the feed does not fill: silver without it reads as null.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ingestion.contract import Contract, FieldMap, RecordMap
from ingestion.crosswalk import Codes
from ingestion.entity import Entity, entities
from ingestion.person import READING

_DIGITS = 16


@dataclass(frozen=True)
class Definition:
    """Digest by part: `contract`, `profile/<name>`, `entity/<name>`, `crosswalk/<name>`,
    `codes/<name>`, and of what the lake loaded `terminology/<name>`, `decisions/<column>`."""

    parts: Mapping[str, str]

    @property
    def definition_id(self) -> str:
        return _digest(dict(sorted(self.parts.items())))

    def to_json(self) -> str:
        return json.dumps(dict(sorted(self.parts.items())))

    def changed(self, other: "Definition") -> list[str]:
        """Parts that are not the same here and there, in order of their names."""
        names = sorted({*self.parts, *other.parts})
        return [name for name in names if self.parts.get(name) != other.parts.get(name)]


def definition_of(contract: Contract) -> Definition:
    """Digests of everything that decides what this feed's bytes become today."""
    mapping = contract.mapping()
    parts = {
        "contract": _digest(
            {
                "member": contract.member,
                "format": contract.format,
                "encoding": contract.encoding,
                "options": contract.options,
                "entities": sorted(contract.entities),
                **({"holds": contract.holds.model_dump()} if contract.holds.is_snapshot else {}),
                **_own_windows(contract),
                **({} if contract.profile else mapping.model_dump(mode="json")),
            }
        )
    }
    if contract.profile:
        parts[f"profile/{contract.profile}"] = _digest(mapping.model_dump(mode="json"))
    maps: list[FieldMap] = list(mapping.person.values())
    for name, record in mapping.records.items():
        parts[f"entity/{name}"] = _entity_digest(entities()[name], record)
        maps += record.fields.values()
        for column_name in record.fields:
            column = entities()[name].columns[column_name]
            if column.code_system:
                parts[f"codes/{column.code_system}"] = _list_digest(
                    contract.codes, column.code_system, "codes"
                )
            if column.terminology and contract.codes.editions(column.terminology):
                parts[f"terminology/{column.terminology}"] = _list_digest(
                    contract.codes, column.terminology, "terminology"
                )
            if decided := contract.codes.decided(contract.feed, name, column_name):
                parts[f"decisions/{name}.{column_name}"] = _digest(decided)
    if mapping.person:
        parts["person"] = _digest([READING, sorted(entities()["source_person"].columns)])
        parts["codes/sex"] = _list_digest(contract.codes, "sex", "codes")
    for field_map in maps:
        if field_map.code_map:
            name = f"crosswalk/{field_map.code_map}"
            parts[name] = _list_digest(contract.codes, field_map.code_map, "crosswalk")
    return Definition(parts)


def _own_windows(contract: Contract) -> dict[str, Any]:
    found = {name: window.model_dump() for name, window in contract.accepted.items()}
    return {"accepted": found} if found else {}


def _entity_digest(entity: Entity, record: RecordMap) -> str:
    decides = {
        name: column.model_dump(
            exclude={"label_zh", "element", "privacy", "terminology"}, mode="json"
        )
        for name, column in entity.columns.items()
        if column.required or name in record.fields or name == "organization_id"
    }
    rules = [(rule.id, rule.expression) for rule in entity.rules]
    window = entity.window.model_dump() if entity.window else None
    times = [entity.event_time, entity.version_time]
    return _digest([decides, rules, entity.person, times, window])


@cache
def _list_digest(codes: Codes, name: str, kind: str) -> str:
    match kind:
        case "codes":
            return _digest(codes.code_system(name))
        case "terminology":  # names decide nothing: its values are kept as they come
            return _digest(sorted(codes.terminology(name)))
        case _:
            return _digest(codes.crosswalk(name))


def _digest(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
