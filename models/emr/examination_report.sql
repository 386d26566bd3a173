-- Grain: one examination report.
-- Written from ingestion/entities/examination_report.yml by `make derived`; change it there.
{% set key = ['organization_id', 'report_id'] %}
{{ fact_config('examination_report', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('examination_report', key, linked=true) }}
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
            report_id
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.report_id,
        standing.organization_id,
        standing.encounter_id,
        standing.request_id,
        standing.requesting_organization_id,
        standing.modality,
        standing.body_part,
        standing.examined_at,
        standing.reported_at,
        standing.conclusion,
        standing.is_positive,
        standing.staff_id,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
