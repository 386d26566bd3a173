-- One result item of one laboratory report: the latest version received.
with

laboratory_result as (
    select * from {{ source('silver', 'laboratory_result') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('laboratory_result', ['organization_id', 'report_id', 'item_sequence', 'test_code']) }}
),

labelled as (
    select
        latest.report_id,
        latest.organization_id,
        latest.encounter_id,
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
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
