-- Grain: one indicator version, organization it is stated for and organization summed into it.
-- Organizations of the levels an indicator counts contribute, to themselves where it is stated for
-- them and to those above; county and consortium rows exist wherever something contributes.
with

indicator_level as (
    select * from {{ source('reference', 'indicator_level') }}
),

organization as (
    select * from {{ ref('organization') }}
),

organization_ancestor as (
    select * from {{ ref('organization_ancestor') }}
),

contributors as (
    select
        indicator_level.indicator_id,
        indicator_level.definition_version,
        organization.organization_id as contributor_id
    from indicator_level
    inner join organization
        on indicator_level.organization_level = organization.organization_level
),

stated_for as (
    select
        contributors.indicator_id,
        contributors.definition_version,
        organization_ancestor.ancestor_id as organization_id,
        contributors.contributor_id
    from contributors
    inner join organization_ancestor
        on contributors.contributor_id = organization_ancestor.organization_id
    inner join organization on organization_ancestor.ancestor_id = organization.organization_id
    left join indicator_level
        on
            contributors.indicator_id = indicator_level.indicator_id
            and contributors.definition_version = indicator_level.definition_version
            and organization.organization_level = indicator_level.organization_level
    where
        indicator_level.is_stated
        or organization.organization_level in ('county', 'consortium')
)

select * from stated_for
