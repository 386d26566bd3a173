-- Grain: one health record archive.
-- Written from ingestion/entities/health_archive.yml by `make derived`; change it there.
{% set key = ['archive_id'] %}
{{ fact_config('health_archive', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('health_archive', key, linked=true) }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(key) }} as current_at
    from versions
),

-- Of all versions of a key the latest (docs/decisions/0015-version-order.md).
latest as (
    select * from ordered
    qualify row_number() over (
        partition by
            archive_id
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.archive_id,
        standing.organization_id,
        standing.archived_date,
        standing.abo_code,
        standing.rh_code,
        standing.has_hypertension,
        standing.has_diabetes,
        standing.closed_date,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
