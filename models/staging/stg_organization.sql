-- One organization and validity period: the latest version received.
with

organization as (
    select * from {{ source('silver', 'organization') }}
),

latest as (
    select * from organization
    qualify row_number() over (
        partition by organization_id, valid_from order by {{ latest_arrival_first() }}
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
