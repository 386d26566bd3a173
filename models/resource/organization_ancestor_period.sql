-- Grain: one organization, one of its ancestors and period in which it was that. Distance 0 is the
-- organization itself. A parent that is not registered ends the chain; ten levels end a chain that
-- runs in a circle.
with recursive

organization_period as (
    select * from {{ ref('organization_period') }}
),

chain as (
    select
        organization_id,
        organization_id as ancestor_id,
        parent_organization_id,
        0 as distance,
        valid_from,
        valid_to
    from organization_period
    union all
    select
        chain.organization_id,
        organization_period.organization_id as ancestor_id,
        organization_period.parent_organization_id,
        chain.distance + 1 as distance,
        greatest(chain.valid_from, organization_period.valid_from) as valid_from,
        least(chain.valid_to, organization_period.valid_to) as valid_to
    from chain
    inner join organization_period
        on
            chain.parent_organization_id = organization_period.organization_id
            and chain.valid_from <= organization_period.valid_to
            and chain.valid_to >= organization_period.valid_from
    where chain.distance < 10
),

organization_ancestor_period as (
    select
        organization_id,
        ancestor_id,
        valid_from,
        max(valid_to) as valid_to,
        cast(min(distance) as bigint) as distance
    from chain
    group by organization_id, ancestor_id, valid_from
)

select * from organization_ancestor_period
