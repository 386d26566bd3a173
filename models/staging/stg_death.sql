-- One death certificate: the latest version received.
with

death as (
    select * from {{ source('silver', 'death') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('death', ['death_certificate_id']) }}
),

labelled as (
    select
        latest.death_certificate_id,
        latest.organization_id,
        latest.died_at,
        latest.underlying_cause_code,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
