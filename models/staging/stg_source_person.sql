-- One person as one member knows them: the latest version received.
with

source_person as (
    select * from {{ source('silver', 'source_person') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    select * from source_person
    qualify row_number() over (
        partition by source_person_id order by {{ latest_arrival_first() }}
    ) = 1
),

labelled as (
    select
        latest.source_person_id,
        latest.member_id,
        latest.sex_code,
        latest.birth_date,
        latest.has_valid_id_number,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
