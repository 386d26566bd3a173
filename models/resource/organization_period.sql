-- Grain: one organization and period in which one description of it holds. What the register says of
-- the beginning holds before it too, and the last description goes on, so that no row of a member
-- falls between: what an organization was on a day decides where its rows count.
with

organization_validity as (
    select * from {{ ref('organization_validity') }}
),

organization_period as (
    select
        organization_id,
        organization_name,
        organization_level,
        parent_organization_id,
        is_primary_care,
        is_tcm,
        case
            when row_number() over (partition by organization_id order by valid_from) = 1
                then date '0001-01-01'
            else valid_from
        end as valid_from,
        coalesce(
            {{ days_later('lead(valid_from) over (partition by organization_id order by valid_from)', -1) }},
            date '9999-12-31'
        ) as valid_to
    from organization_validity
)

select * from organization_period
