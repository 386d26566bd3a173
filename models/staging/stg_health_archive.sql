-- One health record archive: the latest version received.
with

health_archive as (
    select * from {{ source('silver', 'health_archive') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('health_archive', ['archive_id']) }}
),

labelled as (
    select
        latest.archive_id,
        latest.organization_id,
        latest.archived_date,
        latest.abo_code,
        latest.rh_code,
        latest.has_hypertension,
        latest.has_diabetes,
        latest.closed_date,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
