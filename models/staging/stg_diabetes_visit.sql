-- One follow-up visit of one patient: the latest version received.
with

diabetes_visit as (
    select * from {{ source('silver', 'diabetes_visit') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('diabetes_visit', ['organization_id', 'visit_id']) }}
),

labelled as (
    select
        latest.visit_id,
        latest.organization_id,
        latest.visited_date,
        latest.visit_mode_code,
        latest.fasting_glucose_mmol_per_l,
        latest.hba1c_rate,
        latest.systolic_mmhg,
        latest.diastolic_mmhg,
        latest.visit_class_code,
        latest.next_visit_date,
        latest.staff_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
