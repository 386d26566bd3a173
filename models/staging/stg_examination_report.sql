-- One examination report: the latest version received.
with

examination_report as (
    select * from {{ source('silver', 'examination_report') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('examination_report', ['organization_id', 'report_id']) }}
),

labelled as (
    select
        latest.report_id,
        latest.organization_id,
        latest.encounter_id,
        latest.modality,
        latest.body_part,
        latest.examined_at,
        latest.reported_at,
        latest.conclusion,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
