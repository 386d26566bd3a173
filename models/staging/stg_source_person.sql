-- One person as one member knows them: the latest version received.
with

source_person as (
    select * from {{ source('silver', 'source_person') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(['source_person_id']) }} as current_at
    from source_person
),

latest as (
    select * from ordered
    qualify row_number() over (
        partition by source_person_id order by {{ latest_version_first() }}
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
