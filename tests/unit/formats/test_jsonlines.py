"""Rules of JSON lines and their paths. All people are invented."""

import json

import pytest

from ingestion.contract import FieldMap, Mapping, RecordMap
from ingestion.formats import jsonlines
from ingestion.formats.json_paths import compile_path, first_text
from ingestion.formats.json_records import records
from ingestion.formats.source import Parsed, SourceFile


def mapping(
    *, each: str = "row", when: dict[str, list[str]] | None = None, **fields: str
) -> Mapping:
    maps = {name: FieldMap(**{"from": path}) for name, path in fields.items()}
    return Mapping(records={"bed": RecordMap(each=each, when=when or {}, fields=maps)})


def read(data: bytes | str, what: Mapping, encoding: str | None = None, **options: str) -> Parsed:
    raw = data.encode() if isinstance(data, str) else data
    return jsonlines.read([SourceFile("f", raw)], what, encoding=encoding, options=dict(options))


def column(parsed: Parsed, name: str) -> list[str | None]:
    return parsed.tables["bed"][name].to_list()


def test_paths_lead_into_objects_and_arrays() -> None:
    node = {
        "a": {"b": "1"},
        "x": [{"k": "u", "v": "2"}, {"k": "w", "v": ["3", "4"]}],
        "t": [{"c": [{"s": "q"}], "v": "5"}],
        "a.b": True,
    }
    wanted = {
        "a.b": "1", "x.v": "2", "x[2].v": "3;4", "x[k=w].v": "3;4", "x[k=z].v": None,
        "t[c.s=q].v": "5", '"a.b"': "true", "a": '{"b":"1"}', "x[k=w][1].k": "w", "a.b.c": None,
    }  # fmt: skip
    for path, value in wanted.items():
        assert first_text(node, compile_path(path)) == value, path


@pytest.mark.parametrize("path", ["a..b", "a[", "a[b]", "a.", ".a", 'a"b', "a[=1]", "a>"])
def test_what_is_no_path_is_refused_when_the_contract_is_read(path: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        read("{}", mapping(bed_id=path))


def test_numbers_keep_their_digits_and_booleans_are_words() -> None:
    parsed = read('{"n": 1.50, "b": true}\n{"n": 12345678901234567890, "b": null}\n',
                  mapping(bed_id="n", ward_name="b"))  # fmt: skip
    assert column(parsed, "n") == ["1.50", "12345678901234567890"]
    assert column(parsed, "b") == ["true", None]


def test_items_are_rows_and_reach_their_record() -> None:
    line = '{"no": "V1", "items": [{"c": "a"}, {"c": "b"}]}\n{"no": "V2", "items": []}\n'
    parsed = read(
        line, mapping(each="items", bed_id="c", ward_name="/no", organization_id="item()")
    )
    assert parsed.tables["bed"].rows() == [("a", "V1", "1", 0, 1, 1),
                                           ("b", "V1", "2", 0, 1, 2)]  # fmt: skip
    assert parsed.records == [2]


def test_only_records_with_the_wanted_value_are_rows() -> None:
    parsed = read('{"k": "A", "i": 1}\n{"k": "B", "i": 2}\n{"i": 3}',
                  mapping(bed_id="i", when={"k": ["B"]}))  # fmt: skip
    assert column(parsed, "i") == ["2"]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ('[{"i": 1},\n {"i": 2}]', {}),
        ('\ufeff{"i": 1}\r\n\r\n{"i": 2}\r\n', {}),
        ('{"code": 0, "data": {"rows": [{"i": 1}, {"i": 2}]}}', {"records": "data.rows"}),
    ],
)
def test_an_array_a_byte_order_mark_and_a_wrapper_are_read(
    data: str, options: dict[str, str]
) -> None:
    parsed = read(data, mapping(bed_id="i"), "utf-8", **options)
    assert column(parsed, "i") == ["1", "2"]
    assert not parsed.problems


def test_one_object_over_many_lines_is_one_record() -> None:
    parsed = read(json.dumps({"i": 1, "j": [1, 2]}, indent=2), mapping(bed_id="i"))
    assert (column(parsed, "i"), parsed.records, parsed.problems) == (["1"], [1], [])


def test_a_bad_line_is_named_and_the_file_goes_on() -> None:
    parsed = read('{"i": 1}\n{"i": }\n"text"\n{"i": Infinity}\n{"i": 5}', mapping(bed_id="i"))
    assert column(parsed, "i") == ["1", "5"]
    assert [(p.record, p.code) for p in parsed.problems] == [
        (2, "malformed_json"), (3, "malformed_json"), (4, "malformed_json")
    ]  # fmt: skip
    assert parsed.records == [5]


def test_a_file_in_another_character_set_is_refused_whole_and_one_line_alone() -> None:
    lines = ['{"i": "张三"}', '{"i": "红柳村卫生室"}']
    other = "\n".join(lines).encode("gb18030")
    parsed = read(other, mapping(bed_id="i"), "utf-8")
    assert [(p.record, p.code) for p in parsed.problems] == [(0, "wrong_encoding")]
    assert column(read(other, mapping(bed_id="i"), "gb18030"), "i") == ["张三", "红柳村卫生室"]
    mixed = lines[0].encode() + b"\n" + lines[1].encode("gb18030")
    parsed = read(mixed, mapping(bed_id="i"), "utf-8")
    assert (column(parsed, "i"), parsed.problems[0].record) == (["张三"], 2)


def test_nesting_is_bounded() -> None:
    for depth in (150, 5000):
        found = list(records(b'{"a":' * depth + b"1" + b"}" * depth, None))
        assert [one[0] for one in found if isinstance(one[1], tuple)]
