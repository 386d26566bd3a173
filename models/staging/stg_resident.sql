-- One resident of the county's population register: the latest version received.
with

resident as (
    select * from {{ source('silver', 'resident') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(['resident_id']) }} as current_at
    from resident
),

latest as (
    select * from ordered
    qualify row_number() over (
        partition by resident_id order by {{ latest_version_first() }}
    ) = 1
),

labelled as (
    select
        latest.resident_id,
        latest.organization_id,
        latest.household_id,
        latest.household_relation_code,
        latest.is_permanent_resident,
        latest.is_registered_resident,
        latest.ethnicity_code,
        latest.marital_status_code,
        latest.registered_date,
        latest.moved_out_date,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
