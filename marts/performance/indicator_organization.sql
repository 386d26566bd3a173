-- Grain: one indicator version, organization it is stated for, organization summed into it and period
-- of that. Organizations of the levels an indicator counts contribute, to themselves where it is
-- stated for them and to those above; county and consortium rows exist wherever something
-- contributes. Level and parents are those of the time: an upgrade does not rewrite what was before.
with

indicator_level as (
    select * from {{ source('reference', 'indicator_level') }}
),

organization_period as (
    select * from {{ ref('organization_period') }}
),

organization_ancestor_period as (
    select * from {{ ref('organization_ancestor_period') }}
),

contributors as (
    select
        indicator_level.indicator_id,
        indicator_level.definition_version,
        organization_period.organization_id as contributor_id,
        organization_period.valid_from,
        organization_period.valid_to
    from indicator_level
    inner join organization_period
        on indicator_level.organization_level = organization_period.organization_level
),

above as (
    select
        contributors.indicator_id,
        contributors.definition_version,
        organization_ancestor_period.ancestor_id as organization_id,
        contributors.contributor_id,
        greatest(contributors.valid_from, organization_ancestor_period.valid_from) as valid_from,
        least(contributors.valid_to, organization_ancestor_period.valid_to) as valid_to
    from contributors
    inner join organization_ancestor_period
        on
            contributors.contributor_id = organization_ancestor_period.organization_id
            and contributors.valid_from <= organization_ancestor_period.valid_to
            and contributors.valid_to >= organization_ancestor_period.valid_from
),

stated_for as (
    select
        above.indicator_id,
        above.definition_version,
        above.organization_id,
        above.contributor_id,
        greatest(above.valid_from, organization_period.valid_from) as valid_from,
        least(above.valid_to, organization_period.valid_to) as valid_to
    from above
    inner join organization_period
        on
            above.organization_id = organization_period.organization_id
            and above.valid_from <= organization_period.valid_to
            and above.valid_to >= organization_period.valid_from
    left join indicator_level
        on
            above.indicator_id = indicator_level.indicator_id
            and above.definition_version = indicator_level.definition_version
            and organization_period.organization_level = indicator_level.organization_level
    where
        indicator_level.is_stated
        or organization_period.organization_level in ('county', 'consortium')
)

select * from stated_for
