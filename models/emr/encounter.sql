-- Grain: one encounter, whoever tells of it: what several feeds, numbers or organizations tell of the
-- same one is one row (docs/decisions/0016-encounter-resolution.md). Of each column the value of the
-- feed that leads for it (`leads` of a contract), else of the feed that spoke last and knows one.
-- Columns are those of its YAML, which follow the entity. (dbt knows them when it compiles, not yet
-- when it parses: what the loop calls is named once outside it.)
{% set given = [
    'organization_id', 'encounter_id', 'encounter_class_code', 'source_person_id', 'person_id',
    'feed', 'received_at',
] %}
with

encounter_source as (
    select * from {{ ref('encounter_source') }}
),

encounter_match as (
    select * from {{ ref('encounter_match') }}
),

feed as (
    select * from {{ source('reference', 'feed') }}
),

told_once as (
    select encounter_source.*
    from encounter_source
    left join encounter_match
        on
            encounter_source.feed = encounter_match.feed
            and encounter_source.organization_id = encounter_match.organization_id
            and encounter_source.encounter_id = encounter_match.encounter_id
    where encounter_match.feed is null
),

told_by_several as (
    select
        encounter_source.*,
        encounter_match.resolved_organization_id,
        encounter_match.resolved_encounter_id,
        encounter_match.source_number,
        coalesce(feed.leads, '') as leads
    from encounter_match
    inner join encounter_source
        on
            encounter_match.feed = encounter_source.feed
            and encounter_match.organization_id = encounter_source.organization_id
            and encounter_match.encounter_id = encounter_source.encounter_id
    left join feed on encounter_match.feed = feed.feed
),

merged as (
    select
        resolved_encounter_id as encounter_id,
        resolved_organization_id as organization_id,
        {{ of_leading('encounter_class_code') }},
        {% for column in model.columns if column not in given -%}
        {{ of_leading(column) }},
        {% endfor -%}
        min_by(source_person_id, source_number) as source_person_id,
        min_by(person_id, source_number) as person_id,
        min_by(feed, source_number) as feed,
        min_by(received_at, source_number) as received_at
    from told_by_several
    group by resolved_organization_id, resolved_encounter_id
),

encounter as (
    select
        {{ model.columns | join(', ') }}
    from told_once
    union all
    select
        {{ model.columns | join(', ') }}
    from merged
)

select * from encounter
