-- Grain: one indicator version, organization and period: what of the data it stands on has come.
-- Counted are the tables it requires, of the organizations at or below those that contribute; the
-- share is rows received of rows due, of the table that lacks most. A measure that is `latest`
-- stands on its year so far, others on the period. `no_feed`: of a required table nothing came;
-- `not_expected`: no feed of it speaks for the organization, though one does elsewhere.
-- Indicators with the same levels share one scope, so that this is worked out once for all of them.
with

indicator as (
    select * from {{ source('reference', 'indicator') }}
),

measure as (
    select * from {{ source('reference', 'measure') }}
),

indicator_level as (
    select * from {{ source('reference', 'indicator_level') }}
),

indicator_requirement as (
    select * from {{ source('reference', 'indicator_requirement') }}
),

indicator_organization as (
    select * from {{ ref('indicator_organization') }}
),

indicator_period as (
    select * from {{ ref('indicator_period') }}
),

organization_period as (
    select * from {{ ref('organization_period') }}
),

organization_ancestor_period as (
    select * from {{ ref('organization_ancestor_period') }}
),

feed_completeness_month as (
    select * from {{ ref('feed_completeness_month') }}
),

feed as (
    select * from {{ source('reference', 'feed') }}
),

indicator_scope as (
    select
        indicator_level.indicator_id,
        indicator_level.definition_version,
        string_agg(
            indicator_level.organization_level
            || case when indicator_level.is_stated then '' else '-' end,
            ' ' order by indicator_level.organization_level
        ) as scope
    from indicator_level
    group by indicator_level.indicator_id, indicator_level.definition_version
),

-- Any indicator of a scope stands for all: which organizations contribute depends on levels alone.
scope_of as (
    select
        scope,
        min(indicator_id || '@' || cast(definition_version as varchar)) as chosen
    from indicator_scope
    group by scope
),

sources as (
    select distinct
        scope_of.scope,
        indicator_organization.organization_id,
        organization_ancestor_period.organization_id as source_id,
        greatest(indicator_organization.valid_from, organization_ancestor_period.valid_from)
            as valid_from,
        least(indicator_organization.valid_to, organization_ancestor_period.valid_to) as valid_to
    from scope_of
    inner join indicator_organization
        on
            scope_of.chosen
            = indicator_organization.indicator_id
            || '@' || cast(indicator_organization.definition_version as varchar)
    inner join organization_ancestor_period
        on
            indicator_organization.contributor_id = organization_ancestor_period.ancestor_id
            and indicator_organization.valid_from <= organization_ancestor_period.valid_to
            and indicator_organization.valid_to >= organization_ancestor_period.valid_from
),

requirement as (
    select
        indicator_requirement.indicator_id,
        indicator_requirement.definition_version,
        indicator_scope.scope,
        indicator_requirement.entity,
        string_agg(
            indicator_requirement.organization_level, ' '
            order by indicator_requirement.organization_level
        ) as levels
    from indicator_requirement
    inner join indicator_scope
        on
            indicator_requirement.indicator_id = indicator_scope.indicator_id
            and indicator_requirement.definition_version = indicator_scope.definition_version
    group by
        indicator_requirement.indicator_id,
        indicator_requirement.definition_version,
        indicator_scope.scope,
        indicator_requirement.entity
),

needs as (
    select distinct
        scope,
        entity,
        levels
    from requirement
),

-- Of one table, organization and month, whatever feed brings it, and the feed that lacks most.
received as (
    select
        feed_completeness_month.entity,
        feed_completeness_month.organization_id,
        organization_period.organization_level,
        feed_completeness_month.month,
        sum(feed_completeness_month.received_rows) as received_rows,
        sum(feed_completeness_month.lacking_rows) as lacking_rows,
        max(feed_completeness_month.complete_through) as complete_through,
        max_by(
            coalesce(feed.label_zh, organization_period.organization_name)
            || case feed_completeness_month.state
                when 'never_came' then '从未到达'
                when 'not_started' then '尚未开始报送'
                when 'awaited' then '本期尚未报送'
                else '缺' || cast(feed_completeness_month.lacking_days as varchar) || '天'
            end,
            feed_completeness_month.lacking_rows
        ) filter (where feed_completeness_month.lacking_rows > 0) as gap
    from feed_completeness_month
    inner join organization_period
        on
            feed_completeness_month.organization_id = organization_period.organization_id
            and feed_completeness_month.month between organization_period.valid_from
            and organization_period.valid_to
    left join feed on feed_completeness_month.feed = feed.feed
    where feed_completeness_month.state <> 'not_due'
    group by
        feed_completeness_month.entity,
        feed_completeness_month.organization_id,
        organization_period.organization_level,
        feed_completeness_month.month
),

by_month as (
    select
        needs.scope,
        needs.entity,
        needs.levels,
        sources.organization_id,
        received.month,
        sum(received.received_rows) as received_rows,
        sum(received.lacking_rows) as lacking_rows,
        max(received.complete_through) as complete_through,
        max_by(received.gap, received.lacking_rows) filter (where received.lacking_rows > 0) as gap
    from needs
    inner join sources on needs.scope = sources.scope
    inner join received
        on
            needs.entity = received.entity
            and sources.source_id = received.organization_id
            and received.month between sources.valid_from and sources.valid_to
            and (
                needs.levels is null
                or ' ' || needs.levels || ' ' like '% ' || received.organization_level || ' %'
            )
    group by needs.scope, needs.entity, needs.levels, sources.organization_id, received.month
),

bases as (
    select
        period,
        month,
        false as is_year_so_far
    from indicator_period
    union all
    select
        latest.period,
        earlier.month,
        true as is_year_so_far
    from indicator_period as latest
    inner join indicator_period as earlier
        on
            earlier.period_kind = 'month'
            and year(earlier.month) = year(latest.month)
            and earlier.month <= latest.month
    where latest.is_last_month
),

by_period as (
    select
        by_month.scope,
        by_month.entity,
        by_month.levels,
        by_month.organization_id,
        bases.period,
        bases.is_year_so_far,
        sum(by_month.received_rows) as received_rows,
        sum(by_month.lacking_rows) as lacking_rows,
        max(by_month.complete_through) as complete_through,
        max_by(by_month.gap, by_month.lacking_rows) filter (where by_month.lacking_rows > 0) as gap
    from by_month
    inner join bases on by_month.month = bases.month
    group by
        by_month.scope,
        by_month.entity,
        by_month.levels,
        by_month.organization_id,
        bases.period,
        bases.is_year_so_far
),

spoken_for as (
    select distinct entity from received
),

indicator_basis as (
    select
        indicator.indicator_id,
        indicator.definition_version,
        bool_or(measure.additivity = 'latest') as is_year_so_far
    from indicator
    inner join measure
        on indicator.numerator = measure.measure_id or indicator.denominator = measure.measure_id
    group by indicator.indicator_id, indicator.definition_version
),

stated as (
    select distinct
        indicator_organization.indicator_id,
        indicator_organization.definition_version,
        indicator_organization.organization_id
    from indicator_organization
),

periods as (
    select distinct period from indicator_period
),

met as (
    select
        stated.indicator_id,
        stated.definition_version,
        stated.organization_id,
        periods.period,
        requirement.entity,
        by_period.complete_through,
        by_period.gap,
        case
            when by_period.received_rows is null and spoken_for.entity is null then 'no_feed'
            when by_period.received_rows is null then 'not_expected'
            when by_period.received_rows = 0 and by_period.lacking_rows > 0 then 'no_feed'
            else 'received'
        end as outcome,
        case
            when by_period.received_rows + by_period.lacking_rows > 0
                then
                    cast(by_period.received_rows as double)
                    / cast(by_period.received_rows + by_period.lacking_rows as double)
            when by_period.received_rows = 0 then 1
        end as covered_share
    from stated
    inner join requirement
        on
            stated.indicator_id = requirement.indicator_id
            and stated.definition_version = requirement.definition_version
    inner join indicator_basis
        on
            stated.indicator_id = indicator_basis.indicator_id
            and stated.definition_version = indicator_basis.definition_version
    cross join periods
    left join spoken_for on requirement.entity = spoken_for.entity
    left join by_period
        on
            requirement.scope = by_period.scope
            and requirement.entity = by_period.entity
            and requirement.levels is not distinct from by_period.levels
            and stated.organization_id = by_period.organization_id
            and periods.period = by_period.period
            and indicator_basis.is_year_so_far = by_period.is_year_so_far
),

indicator_completeness as (
    select
        indicator_id,
        definition_version,
        organization_id,
        period,
        case
            when bool_or(outcome = 'no_feed') then 'no_feed'
            when bool_or(outcome = 'not_expected') then 'not_expected'
            else 'received'
        end as outcome,
        min(covered_share) as covered_share,
        min(complete_through) as complete_through,
        min_by(gap, covered_share) filter (where gap is not null) as gap
    from met
    group by indicator_id, definition_version, organization_id, period
)

select * from indicator_completeness
