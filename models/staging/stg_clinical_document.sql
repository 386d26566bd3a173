-- One shared clinical document (CDA): the latest version received.
with

clinical_document as (
    select * from {{ source('silver', 'clinical_document') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('clinical_document', ['organization_id', 'document_id']) }}
),

labelled as (
    select
        latest.document_id,
        latest.organization_id,
        latest.document_type_code,
        latest.title,
        latest.encounter_id,
        latest.authored_at,
        latest.staff_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
