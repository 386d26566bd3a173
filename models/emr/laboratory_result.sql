-- Grain: one result item of one laboratory report.
-- Written from ingestion/entities/laboratory_result.yml by `make derived`; change it there.
{% set key = ['organization_id', 'report_id', 'item_sequence', 'test_code'] %}
{{ fact_config('laboratory_result', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('laboratory_result', key, linked=true) }}
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
            report_id,
            item_sequence,
            test_code
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
        standing.requesting_organization_id,
        standing.request_id,
        standing.panel_code,
        standing.item_sequence,
        standing.test_code,
        standing.test_name,
        standing.value_text,
        standing.value_number,
        standing.value_unit,
        standing.reference_range,
        standing.abnormal_flag,
        standing.result_status,
        standing.collected_at,
        standing.reported_at,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
