-- One DICOM instance: the latest version received.
with

imaging_instance as (
    select * from {{ source('silver', 'imaging_instance') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(['sop_instance_uid']) }} as current_at
    from imaging_instance
),

latest as (
    select * from ordered
    qualify row_number() over (
        partition by sop_instance_uid order by {{ latest_version_first() }}
    ) = 1
),

labelled as (
    select
        latest.sop_instance_uid,
        latest.organization_id,
        latest.series_instance_uid,
        latest.study_instance_uid,
        latest.sop_class_uid,
        latest.accession_number,
        latest.modality,
        latest.body_part,
        latest.study_at,
        latest.row_count,
        latest.column_count,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
