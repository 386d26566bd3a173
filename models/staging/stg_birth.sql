-- One birth certificate: the latest version received.
with

birth as (
    select * from {{ source('silver', 'birth') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('birth', ['birth_certificate_id']) }}
),

labelled as (
    select
        latest.birth_certificate_id,
        latest.organization_id,
        latest.born_at,
        latest.gestational_weeks,
        latest.birth_weight_g,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
