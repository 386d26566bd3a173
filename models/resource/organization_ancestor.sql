-- Grain: one organization and one of its ancestors. Distance 0 is the organization itself. A parent
-- that is not registered ends the chain; ten levels end a chain that runs in a circle.
with recursive

organization as (
    select * from {{ ref('organization') }}
),

chain as (
    select
        organization_id,
        organization_id as ancestor_id,
        0 as distance
    from organization
    union all
    select
        chain.organization_id,
        organization.parent_organization_id as ancestor_id,
        chain.distance + 1 as distance
    from chain
    inner join organization on chain.ancestor_id = organization.organization_id
    where organization.parent_organization_id is not null and chain.distance < 10
),

registered as (
    select
        chain.organization_id,
        chain.ancestor_id,
        cast(min(chain.distance) as bigint) as distance
    from chain
    inner join organization on chain.ancestor_id = organization.organization_id
    group by chain.organization_id, chain.ancestor_id
)

select * from registered
