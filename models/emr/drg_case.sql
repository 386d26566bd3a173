-- Grain: one discharged stay with its group, weight and cost.
-- Written from ingestion/entities/drg_case.yml by `make derived`; change it there.
{% set key = ['organization_id', 'encounter_id'] %}
{{ fact_config('drg_case', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('drg_case', key, linked=true) }}
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

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.encounter_id,
        standing.organization_id,
        standing.case_id,
        standing.drg_code,
        standing.drg_name,
        standing.main_diagnosis_code,
        standing.main_operation_code,
        standing.discharged_at,
        standing.stay_days,
        standing.relative_weight,
        standing.total_fee_yuan,
        standing.payment_standard_yuan,
        standing.outlier_code,
        standing.grouper_version,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
