-- Grain: one diagnosis of one encounter and document.
-- Written from ingestion/entities/diagnosis.yml by `make derived`; change it there.
{% set key = ['organization_id', 'encounter_id', 'document_id', 'sequence_number'] %}
{{ fact_config('diagnosis', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('diagnosis', key, linked=true) }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(key) }} as current_at
    from versions
),

-- Of all versions of a key the latest (docs/decisions/0015-version-order.md).
latest as (
    select * from ordered
    qualify row_number() over (
        partition by
            organization_id,
            encounter_id,
            document_id,
            sequence_number
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.encounter_id,
        standing.organization_id,
        standing.document_id,
        standing.sequence_number,
        standing.diagnosis_code,
        standing.diagnosis_name,
        standing.diagnosed_at,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
