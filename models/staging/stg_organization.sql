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

labelled as (
    select
        latest.organization_id,
        latest.organization_name,
        latest.organization_level,
        latest.parent_organization_id,
        latest.is_primary_care,
        latest.is_tcm,
        latest.boundary_ring,
        latest.valid_from,
        latest.valid_to,
        latest.feed,
        latest.received_at
    from latest
)

select * from labelled
