-- One discharged stay: the latest version received.
with

front_page as (
    select * from {{ source('silver', 'front_page') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('front_page', ['organization_id', 'encounter_id']) }}
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
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
