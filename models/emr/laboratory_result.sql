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

labelled as (
    select
        latest.report_id,
        latest.organization_id,
        latest.encounter_id,
        latest.requesting_organization_id,
        latest.request_id,
        latest.panel_code,
        latest.item_sequence,
        latest.test_code,
        latest.test_name,
        latest.value_text,
        latest.value_number,
        latest.value_unit,
        latest.reference_range,
        latest.abnormal_flag,
        latest.result_status,
        latest.collected_at,
        latest.reported_at,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
