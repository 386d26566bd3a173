-- One organization and validity period: the latest version received.
with

organization as (
    select * from {{ source('silver', 'organization') }}
),

ordered as (
    select
        *,
        {{ current_at(['organization_id', 'valid_from']) }} as current_at
    from organization
),

latest as (
    select * from ordered
    qualify row_number() over (
        partition by organization_id, valid_from order by {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.organization_id,
        standing.organization_name,
        standing.organization_level,
        standing.parent_organization_id,
        standing.is_primary_care,
        standing.is_tcm,
        standing.boundary_ring,
        standing.valid_from,
        standing.valid_to,
        standing.feed,
        standing.received_at
    from standing
)

select * from labelled
