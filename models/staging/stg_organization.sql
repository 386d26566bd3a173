-- One organization and validity period: the latest version received.
with

organization as (
    select * from {{ source('silver', 'organization') }}
),

latest as (
    {{ latest_version('organization', 'organization') }}
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
