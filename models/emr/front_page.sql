-- Grain: one discharged stay.
-- Written from ingestion/entities/front_page.yml by `make derived`; change it there.
{% set key = ['organization_id', 'encounter_id'] %}
{{ fact_config('front_page', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('front_page', key, linked=true) }}
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
        latest.document_id,
        latest.admitted_at,
        latest.discharged_at,
        latest.stay_days,
        latest.department_name,
        latest.main_diagnosis_code,
        latest.main_diagnosis_name,
        latest.main_operation_code,
        latest.discharge_mode_code,
        latest.total_fee_yuan,
        latest.drug_fee_yuan,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
