-- Grain: one follow-up visit of one patient.
-- Written from ingestion/entities/hypertension_visit.yml by `make derived`; change it there.
{% set key = ['organization_id', 'visit_id'] %}
{{ fact_config('hypertension_visit', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('hypertension_visit', key, linked=true) }}
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

labelled as (
    select
        latest.visit_id,
        latest.organization_id,
        latest.visited_date,
        latest.visit_mode_code,
        latest.systolic_mmhg,
        latest.diastolic_mmhg,
        latest.heart_rate_per_minute,
        latest.weight_kg,
        latest.height_cm,
        latest.visit_class_code,
        latest.next_visit_date,
        latest.staff_id,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
