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

labelled as (
    select
        latest.encounter_id,
        latest.organization_id,
        latest.document_id,
        latest.sequence_number,
        latest.diagnosis_code,
        latest.diagnosis_name,
        latest.diagnosed_at,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
