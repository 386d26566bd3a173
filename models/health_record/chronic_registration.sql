-- Grain: one registration of one patient for one chronic disease at one member.
-- Written from ingestion/entities/chronic_registration.yml by `make derived`; change it there.
{% set key = ['organization_id', 'registration_id'] %}
{{ fact_config('chronic_registration', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('chronic_registration', key, linked=true) }}
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
            organization_id,
            registration_id
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.registration_id,
        standing.organization_id,
        standing.disease_code,
        standing.registered_date,
        standing.closed_date,
        standing.close_reason_code,
        standing.staff_id,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
