-- Grain: one outpatient visit, emergency visit or inpatient stay at one member.
-- Written from ingestion/entities/encounter.yml by `make derived`; change it there.
{% set key = ['organization_id', 'encounter_id'] %}
{{ fact_config('encounter', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('encounter', key, linked=true) }}
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
            encounter_id
        order by
            {{ latest_version_first() }}
    ) = 1
),

labelled as (
    select
        latest.encounter_id,
        latest.organization_id,
        latest.encounter_class_code,
        latest.started_at,
        latest.ended_at,
        latest.recorded_at,
        latest.is_cancelled,
        latest.department_code,
        latest.department_name,
        latest.is_tcm,
        latest.bed_id,
        latest.discharge_mode_code,
        latest.total_fee_yuan,
        latest.drug_fee_yuan,
        latest.staff_id,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
