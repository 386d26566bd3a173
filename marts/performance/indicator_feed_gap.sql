-- Grain: one indicator version, organization and month that lacks a feed. `no_feed`: an entity the
-- indicator requires has no feed that speaks for a registered organization, or a feed expected to
-- fill it sent nothing for the month.
-- `not_expected`: no feed speaks for the organization, though one does elsewhere.
-- A feed is expected where it speaks for an organization at or below a contributor.
with

indicator_requirement as (
    select * from {{ source('reference', 'indicator_requirement') }}
),

indicator_organization as (
    select * from {{ ref('indicator_organization') }}
),

organization_ancestor as (
    select * from {{ ref('organization_ancestor') }}
),

feed_organization as (
    select * from {{ ref('feed_organization') }}
),

feed_month as (
    select * from {{ ref('feed_month') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

required as (
    select distinct
        indicator_organization.indicator_id,
        indicator_organization.definition_version,
        indicator_organization.organization_id,
        indicator_requirement.entity
    from indicator_organization
    inner join indicator_requirement
        on
            indicator_organization.indicator_id = indicator_requirement.indicator_id
            and indicator_organization.definition_version = indicator_requirement.definition_version
),

expected as (
    select distinct
        required.indicator_id,
        required.definition_version,
        required.organization_id,
        required.entity,
        feed_organization.feed
    from required
    inner join indicator_organization
        on
            required.indicator_id = indicator_organization.indicator_id
            and required.definition_version = indicator_organization.definition_version
            and required.organization_id = indicator_organization.organization_id
    inner join organization_ancestor
        on indicator_organization.contributor_id = organization_ancestor.ancestor_id
    inner join feed_organization
        on
            organization_ancestor.organization_id = feed_organization.organization_id
            and required.entity = feed_organization.entity
),

spoken_for as (
    select distinct feed_organization.entity
    from feed_organization
    inner join organization_ancestor
        on feed_organization.organization_id = organization_ancestor.organization_id
),

without_expected_feed as (
    select
        required.indicator_id,
        required.definition_version,
        required.organization_id,
        coverage_month.month,
        case when spoken_for.entity is null then 'no_feed' else 'not_expected' end as gap
    from required
    left join spoken_for on required.entity = spoken_for.entity
    left join expected
        on
            required.indicator_id = expected.indicator_id
            and required.definition_version = expected.definition_version
            and required.organization_id = expected.organization_id
            and required.entity = expected.entity
    cross join coverage_month
    where expected.feed is null
),

silent as (
    select
        expected.indicator_id,
        expected.definition_version,
        expected.organization_id,
        feed_month.month,
        'no_feed' as gap
    from expected
    inner join feed_month
        on expected.feed = feed_month.feed and expected.entity = feed_month.entity
    where feed_month.row_count = 0
),

all_gaps as (
    select * from without_expected_feed
    union all
    select * from silent
),

gaps as (
    select
        indicator_id,
        definition_version,
        organization_id,
        month,
        min(gap) as gap
    from all_gaps
    group by indicator_id, definition_version, organization_id, month
)

select * from gaps
