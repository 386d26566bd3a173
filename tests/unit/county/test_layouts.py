"""What senders write and what contracts expect are the same thing seen from two sides."""

import pytest

from county.systems.layouts import layouts
from ingestion.contract import FieldMap
from tests.demo import DEMO

CONTRACTS = DEMO.contracts


@pytest.mark.parametrize("feed", sorted(layouts()))
def test_contract_reads_every_header_the_sender_writes(feed: str) -> None:
    contract = CONTRACTS[feed]
    maps: list[FieldMap] = [*contract.fields.values(), *contract.person.values()]
    read = {source for field_map in maps for source in field_map.sources}
    assert read == set(layouts()[feed].columns)


@pytest.mark.parametrize("feed", sorted(layouts()))
def test_crosswalk_undoes_the_senders_codes(feed: str) -> None:
    contract = CONTRACTS[feed]
    columns = layouts()[feed].columns
    for field_map in [*contract.fields.values(), *contract.person.values()]:
        if field_map.code_map is None:
            continue
        codes = columns[field_map.sources[0]].codes or {}
        back = contract.codes.crosswalk(field_map.code_map)
        assert {back[local] for local in codes.values()} == set(codes)
        unmapped = layouts()[feed].unmapped
        if unmapped and unmapped.header in field_map.sources:
            assert unmapped.value not in back


@pytest.mark.parametrize("feed", sorted(layouts()))
def test_contract_and_sender_agree_on_dates(feed: str) -> None:
    contract = CONTRACTS[feed]
    columns = layouts()[feed].columns
    for field_map in [*contract.fields.values(), *contract.person.values()]:
        column = columns[field_map.sources[0]] if field_map.sources else None
        if column is not None and column.format is not None:
            assert field_map.format == column.format
