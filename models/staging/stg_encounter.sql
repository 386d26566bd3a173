-- One outpatient visit, emergency visit or inpatient stay at one member: the latest version received.
with

encounter as (
    select * from {{ source('silver', 'encounter') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('encounter', ['organization_id', 'encounter_id'], 'recorded_at') }}
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
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
