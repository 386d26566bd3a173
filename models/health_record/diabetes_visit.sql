-- Grain: one follow-up visit of one patient.
-- Written from ingestion/entities/diabetes_visit.yml by `make derived`; change it there.
{% set key = ['organization_id', 'visit_id'] %}
{{ fact_config('diabetes_visit', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('diabetes_visit', key, linked=true) }}
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
            visit_id
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.visit_id,
        standing.organization_id,
        standing.visited_date,
        standing.visit_mode_code,
        standing.fasting_glucose_mmol_per_l,
        standing.hba1c_rate,
        standing.systolic_mmhg,
        standing.diastolic_mmhg,
        standing.visit_class_code,
        standing.next_visit_date,
        standing.staff_id,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
