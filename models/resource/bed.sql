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

labelled as (
    select
        latest.bed_id,
        latest.organization_id,
        latest.ward_name,
        latest.opened_date,
        latest.closed_date,
        latest.feed,
        latest.received_at
    from latest
)

select * from labelled
