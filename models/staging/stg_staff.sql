-- One employment of one staff member: the latest version received.
with

staff as (
    select * from {{ source('silver', 'staff') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('staff', ['organization_id', 'staff_id']) }}
),

labelled as (
    select
        latest.staff_id,
        latest.organization_id,
        latest.staff_category_code,
        latest.title_code,
        latest.department_name,
        latest.employed_date,
        latest.left_date,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
