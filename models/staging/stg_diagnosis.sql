-- One diagnosis of one encounter: the latest version received.
with

diagnosis as (
    select * from {{ source('silver', 'diagnosis') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('diagnosis', ['organization_id', 'encounter_id', 'document_id', 'sequence_number']) }}
),

labelled as (
    select
        latest.encounter_id,
        latest.organization_id,
        latest.document_id,
        latest.sequence_number,
        latest.diagnosis_code,
        latest.diagnosis_name,
        latest.diagnosed_at,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
