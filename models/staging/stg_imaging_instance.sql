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

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.sop_instance_uid,
        standing.organization_id,
        standing.series_instance_uid,
        standing.study_instance_uid,
        standing.sop_class_uid,
        standing.accession_number,
        standing.modality,
        standing.body_part,
        standing.study_at,
        standing.row_count,
        standing.column_count,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
