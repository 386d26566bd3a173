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
            f"      - unique_rows: {{arguments: {{columns: [{', '.join(entity.key)}]}}}}",
        ]
    lines.append("    columns:")
    for name, column in entity.columns.items():
        is_never_null = name in entity.key and column.required
        lines.append(_column(name, SQL_TYPE[column.type], column.label_zh, column, is_never_null))
    for name in _added(entity):
        data_type = "timestamp with time zone" if name == "received_at" else "varchar"
        lines.append(_column(name, data_type, LABELS[name]))
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


def _added(entity: Entity) -> list[str]:
    return [name for name in LABELS if entity.person or "person" not in name]


def latest_sql(model: Model, entity: Entity) -> str:
    """The model that holds the latest version of every key of an entity, columns spelled out."""
    key = ", ".join(f"'{column}'" for column in entity.key)
    columns = [*entity.columns, *_added(entity)]
    person = ["person_id"] if entity.person else []
    selected = [f"person_link.{c}" if c in person else f"latest.{c}" for c in columns]
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
            "-- Of all versions of a key the latest (docs/decisions/0015-version-order.md).",
            "latest as (",
            "    select * from ordered",
            "    qualify row_number() over (",
            *_listed("partition by", entity.key, 8),
            *_listed("order by", ["{{ latest_version_first() }}"], 8),
            "    ) = 1",
            "),",
            "",
            "labelled as (",
            *_listed("select", selected, 4),
            "    from latest",
            *(_LINKED if entity.person else []),
            ")",
            "",
            "select * from labelled",
            "",
        ]
    )


_PERSON_LINK = (
    "person_link as (",
    "    select * from {{ source('identity', 'person_link') }}",
    "),",
    "",
)
_LINKED = ("    left join person_link on latest.source_person_id = person_link.source_person_id",)


def _listed(words: str, items: Iterable[str], indent: int) -> list[str]:
    """A clause with its items, one a line."""
    pad, found = " " * indent, list(items)
    return [f"{pad}{words}", *(f"{pad}    {item}," for item in found[:-1]), f"{pad}    {found[-1]}"]
