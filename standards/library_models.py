"""Library tables that hold the latest versions of an entity: SQL and columns written from it.

Belongs here: the text of `models/<library>/<model>.sql` and what follows the mark in the YAML
beside it, where that YAML says `latest_of: <entity>` (or `columns_of:`, for the columns only). Both
are kept in git to be read; `make derived` writes them, a test fails on drift. Not here: how
a fact takes new batches (`macros/facts.sql`) and models with SQL of their own.
"""

from collections.abc import Iterable
from pathlib import Path

from ingestion.entity import Column, Entity, entities
from standards.model_files import PROJECT_DIR, SQL_TYPE, Model, models, property_files

MARK = "    # From ingestion/entities/"
LABELS = {
    "source_person_id": "来源身份键",
    "person_id": "人员键",
    "feed": "数据源",
    "received_at": "到达时间",
}
"""What every fact carries besides its entity's columns, in this order."""

SOURCE_LABELS = {
    "current_at": "版本时间",
    "arrival_batch_id": "到达批次",
    "file_number": "批内文件序号",
    "record_number": "文件内记录序号",
    "item_number": "记录内序号",
    "version_count": "版本数",
}
"""What a fact of one feed's rows carries besides: where its latest version stands among others."""
_WHOLE = ("file_number", "record_number", "item_number", "version_count")
_MOMENT = ("received_at", "current_at")


def library_files() -> dict[str, str]:
    """Text of every file made from an entity, by path relative to the project."""
    files = {}
    known = models()
    for path, content in property_files():
        for body in content["models"]:
            model = known[body["name"]]
            if model.entity is None:
                continue
            entity = entities()[model.entity]
            files[_relative(path)] = _head(path) + properties_text(model, entity)
            if model.config.meta.latest_of:
                files[_relative(path.with_suffix(".sql"))] = latest_sql(model, entity)
    return files


def _relative(path: Path) -> str:
    return path.relative_to(PROJECT_DIR).as_posix()


def _head(path: Path) -> str:
    """What is written by hand in a property file: everything above the mark."""
    head, _, _ = path.read_text("utf-8").partition(f"\n{MARK}")
    return head.rstrip() + "\n"


def properties_text(model: Model, entity: Entity) -> str:
    """What the entity says of a fact, as dbt properties: label, tests, a line a column.

    A column of the key is never null when the entity requires it; other required columns may be
    null here, because a code that no crosswalk knows is kept raw.
    """
    lines = [f"{MARK}{entity.entity}.yml: change it there, make derived."]
    if model.config.meta.latest_of:
        lines += [
            f"    description: {_quoted(entity.label_zh)}",
            "    data_tests:",
            f"      - unique_rows: {{arguments: {{columns: [{', '.join(_key(entity))}]}}}}",
        ]
    lines.append("    columns:")
    for name, column in entity.columns.items():
        is_never_null = name in entity.key and column.required
        lines.append(_column(name, SQL_TYPE[column.type], column.label_zh, column, is_never_null))
    added = _added(entity)
    if model.config.meta.latest_of and entity.versions == "fields":
        added |= SOURCE_LABELS
    for name, label in added.items():
        lines.append(_column(name, _type_of_added(name), label))
    return "\n".join(lines) + "\n"


def _column(
    name: str, data_type: str, label: str, column: Column | None = None, required: bool = False
) -> str:
    parts = [f"name: {name}", f"data_type: {_quoted(data_type)}", f"description: {_quoted(label)}"]
    meta = []
    if column and column.unit:
        meta.append(f"unit: {_quoted(column.unit)}")
    if column and column.code_system:
        meta.append(f"code_system: {column.code_system}")
    if meta:
        parts.append(f"config: {{meta: {{{', '.join(meta)}}}}}")
    if required:
        parts.append("constraints: [{type: not_null}]")
    return f"      - {{{', '.join(parts)}}}"


def _quoted(text: str) -> str:
    return f'"{text}"' if set(text) & set(',:{}[]#&*!|>%@"`') else text


def _added(entity: Entity) -> dict[str, str]:
    return {n: label for n, label in LABELS.items() if entity.person or "person" not in n}


def _type_of_added(name: str) -> str:
    if name in _MOMENT:
        return "timestamp with time zone"
    return "bigint" if name in _WHOLE else "varchar"


def _key(entity: Entity) -> list[str]:
    """A fact holds one row a key; where fields win, one a key and feed."""
    return [*entity.key, *(["feed"] if entity.versions == "fields" else [])]


def latest_sql(model: Model, entity: Entity) -> str:
    """The model that holds the latest version of every key of an entity, columns spelled out."""
    key = ", ".join(f"'{column}'" for column in _key(entity))
    columns = [*entity.columns, *_added(entity)]
    if entity.versions == "fields":
        columns += SOURCE_LABELS
    person = ["person_id"] if entity.person else []
    selected = [f"person_link.{c}" if c in person else f"standing.{c}" for c in columns]
    arguments = f"'{entity.entity}', key{', linked=true' if entity.person else ''}"
    return "\n".join(
        [
            f"-- Grain: {model.grain}.",
            f"-- Written from ingestion/entities/{entity.entity}.yml by"
            " `make derived`; change it there.",
            f"{{% set key = [{key}] %}}",
            f"{{{{ fact_config('{entity.entity}', key) }}}}",
            "with",
            "",
            "-- All versions of the keys that this build renews: of every key in a full build.",
            "versions as (",
            f"    {{{{ versions_to_build({arguments}) }}}}",
            "),",
            "",
            *(_PERSON_LINK if entity.person else []),
            "ordered as (",
            "    select",
            "        *,",
            "        {{ current_at(key) }} as current_at",
            "    from versions",
            "),",
            "",
            *(_folded(entity) if entity.versions == "fields" else _latest(entity)),
            "",
            "labelled as (",
            *_listed("select", selected, 4),
            "    from standing",
            *(_LINKED if entity.person else []),
            ")",
            "",
            "select * from labelled",
            "",
        ]
    )


def _latest(entity: Entity) -> list[str]:
    """The step of a model whose entity keeps whole rows."""
    return [
        "-- Of all versions of a key the latest (docs/decisions/0015-version-order.md).",
        "latest as (",
        "    select * from ordered",
        "    qualify row_number() over (",
        *_listed("partition by", entity.key, 8),
        *_listed("order by", ["{{ latest_version_first() }}"], 8),
        "    ) = 1",
        "),",
        "",
        "standing as (",
        "    select * from latest where is_retracted is not true",
        "),",
    ]


def _folded(entity: Entity) -> list[str]:
    """The steps of a model whose entity keeps, of each column, what was said last."""
    key = _key(entity)
    said = [c for c in entity.columns if c not in key]
    last = [c for c in (*_added(entity), *SOURCE_LABELS) if c != "person_id" and c not in key]
    alone = [*key, *said, *last]
    return [
        "-- Versions of a key, latest first (docs/decisions/0015-version-order.md), without those",
        "-- that were taken back.",
        "numbered as (",
        "    select",
        "        *,",
        "        row_number() over (",
        *_listed("partition by", key, 12),
        *_listed("order by", ["{{ latest_version_first() }}"], 12),
        "        ) as version_number",
        "    from ordered",
        "),",
        "",
        "counted as (",
        "    select",
        "        *,",
        "        {{ versions_of(key) }} as version_count",
        "    from numbered",
        "    qualify version_number < {{ retracted_from(key) }}",
        "),",
        "",
        "-- Most keys have one version: nothing is to be gathered.",
        "alone as (",
        *_listed("select", alone, 4),
        "    from counted",
        "    where version_count = 1",
        "),",
        "",
        "-- Of each column what was said last.",
        "gathered as (",
        "    select",
        *(f"        {column}," for column in key),
        *(f"        {{{{ last_said('{column}') }}}}," for column in said),
        *(f"        {{{{ of_latest('{column}') }}}}," for column in last[:-1]),
        f"        {{{{ of_latest('{last[-1]}') }}}}",
        "    from counted",
        "    where version_count > 1",
        *_listed("group by", key, 4),
        "),",
        "",
        "standing as (",
        "    select * from alone",
        "    union all",
        "    select * from gathered",
        "),",
    ]


_PERSON_LINK = (
    "person_link as (",
    "    select * from {{ source('identity', 'person_link') }}",
    "),",
    "",
)
_LINKED = ("    left join person_link on standing.source_person_id = person_link.source_person_id",)


def _listed(words: str, items: Iterable[str], indent: int) -> list[str]:
    """A clause with its items, one a line."""
    pad, found = " " * indent, list(items)
    return [f"{pad}{words}", *(f"{pad}    {item}," for item in found[:-1]), f"{pad}    {found[-1]}"]
