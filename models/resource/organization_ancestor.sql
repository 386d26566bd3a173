-- Grain: one organization and one of its ancestors, as things stand. Distance 0 is the organization
-- itself.
with

organization_ancestor_period as (
    select * from {{ ref('organization_ancestor_period') }}
),

organization_ancestor as (
    select
        organization_id,
        ancestor_id,
        cast(min(distance) as bigint) as distance
    from organization_ancestor_period
    where valid_to = date '9999-12-31'
    group by organization_id, ancestor_id
)

select * from organization_ancestor
