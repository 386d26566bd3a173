-- One follow-up visit of one patient: the latest version received.
with

hypertension_visit as (
    select * from {{ source('silver', 'hypertension_visit') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('hypertension_visit', ['organization_id', 'visit_id']) }}
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
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
