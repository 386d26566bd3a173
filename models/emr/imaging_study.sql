-- Grain: one imaging study at one organization, gathered from its instances.
with

imaging_instance as (
    select * from {{ ref('stg_imaging_instance') }}
),

imaging_study as (
    select
        organization_id,
        study_instance_uid,
        max(accession_number) as accession_number,
        min(modality) as modality,
        min(body_part) as body_part,
        min(study_at) as study_at,
        count(distinct series_instance_uid) as series_count,
        count(*) as instance_count,
        max(person_id) as person_id
    from imaging_instance
    where study_instance_uid is not null
    group by organization_id, study_instance_uid
)

select * from imaging_study
