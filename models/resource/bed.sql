-- Grain: one bed and the period it is open.
-- Written from ingestion/entities/bed.yml by `make derived`; change it there.
{% set key = ['organization_id', 'bed_id', 'opened_date'] %}
{{ fact_config('bed', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('bed', key) }}
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
            organization_id,
            bed_id,
            opened_date
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.bed_id,
        standing.organization_id,
        standing.ward_name,
        standing.opened_date,
        standing.closed_date,
        standing.feed,
        standing.received_at
    from standing
)

select * from labelled
