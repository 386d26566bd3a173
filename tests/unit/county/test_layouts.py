"""What senders write and what contracts read are inverses: one after the other changes nothing."""

from collections.abc import Iterator

import pytest

from county.systems.layouts import Layout, layouts
from ingestion.contract import Contract, FieldMap
from tests.demo import DEMO

CONTRACTS = DEMO.contracts
LAYOUTS = layouts()
TRUE, FALSE = {"true", "1", "是", "Y", "T", "有"}, {"false", "0", "否", "N", "F", "无"}
REQUESTS = "county_hospital__lis__requests"


def differences(layout: Layout, contract: Contract) -> Iterator[str]:
    """Where contract after layout is not the identity: columns, codes, dates and units."""
    both = (
        ("column", layout.meanings, contract.fields),
        ("person", layout.person_meanings, contract.person),
    )
    for kind, written, read in both:
        sources = {name: field.sources for name, field in read.items() if field.sources}
        for name in sorted({*written, *sources}):
            header = written.get(name)
            if sources.get(name) != (header,):
                yield f"{kind} {name}: written as {header}, read from {sources.get(name)}"
            elif header is not None:
                yield from _values(layout, header, read[name], contract)


def _values(layout: Layout, header: str, field: FieldMap, contract: Contract) -> Iterator[str]:
    column = layout.columns[header]
    if column.format != field.format:
        yield f"{header}: written by {column.format}, read by {field.format}"
    if (column.times or 1) != (field.scale or 1):
        yield f"{header}: times {column.times}, read times {field.scale}"
    back = contract.codes.crosswalk(field.code_map) if field.code_map else {}
    for code, local in (column.codes or {}).items():
        read = back.get(local) if field.code_map else _plain(code, local)
        if read != code:
            yield f"{header}: {code} is written {local}, which is read as {read}"


def _plain(code: str, local: str) -> str | None:
    """What a local code is read as where no crosswalk stands between: a boolean, or itself."""
    if code in ("true", "false"):
        return "true" if local in TRUE else "false" if local in FALSE else None
    return local


@pytest.mark.parametrize("feed", sorted(LAYOUTS))
def test_contract_after_layout_is_the_identity(feed: str) -> None:
    assert list(differences(LAYOUTS[feed], CONTRACTS[feed])) == []


@pytest.mark.parametrize("feed", sorted(LAYOUTS))
def test_a_code_nobody_mapped_is_in_no_crosswalk(feed: str) -> None:
    unmapped = LAYOUTS[feed].unmapped
    contract = CONTRACTS[feed]
    for field in [*contract.fields.values(), *contract.person.values()]:
        if unmapped and unmapped.header in field.sources and field.code_map:
            assert unmapped.value not in contract.codes.crosswalk(field.code_map)


def test_two_columns_swapped_in_a_contract_are_found() -> None:
    contract = CONTRACTS[REQUESTS]
    ours, theirs = "organization_id", "performing_organization_id"
    swapped = contract.fields | {ours: contract.fields[theirs], theirs: contract.fields[ours]}
    wrong = contract.model_copy(update={"fields": swapped})
    found = list(differences(LAYOUTS[REQUESTS], wrong))
    assert [line.split(":")[0] for line in found] == [f"column {ours}", f"column {theirs}"]
