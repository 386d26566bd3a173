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

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.resident_id,
        standing.organization_id,
        standing.household_id,
        standing.household_relation_code,
        standing.is_permanent_resident,
        standing.is_registered_resident,
        standing.ethnicity_code,
        standing.marital_status_code,
        standing.registered_date,
        standing.moved_out_date,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
