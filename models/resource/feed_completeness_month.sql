-- Grain: one feed, table, organization and covered month: rows received, rows that lack (estimated)
-- and the last day that is complete. Besides the days of feed_completeness:
-- - a register states what is, so it is complete from the month of its feed's first row on;
-- - a feed that never came (one that sends other tables may well have nothing for one of those its
--   profile names) lacks what its table has elsewhere (the median), for its member, or for
--   every organization when the member is a bureau;
-- - an organization lacks likewise when no feed of a table knows it while three quarters of its level
--   (four at least) are known, and as much of theirs is no accident (ten rows).
with

feed_completeness as (
    select * from {{ ref('feed_completeness') }}
),

feed_activity as (
    select * from {{ ref('feed_activity') }}
),

feed as (
    select * from {{ source('reference', 'feed') }}
),

feed_entity as (
    select * from {{ source('reference', 'feed_entity') }}
),

entity as (
    select * from {{ source('reference', 'entity') }}
),

organization as (
    select * from {{ ref('organization') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

from_days as (
    select
        feed,
        entity,
        organization_id,
        {{ month_of('day') }} as month,
        sum(received_rows) as received_rows,
        sum(lacking_rows) as lacking_rows,
        sum(case when state in ('lacking', 'not_started', 'awaited') then 1 else 0 end)
            as lacking_days,
        max(case when state = 'complete' then day end) as complete_through,
        case
            when bool_or(state = 'lacking') then 'lacking'
            when bool_or(state = 'not_started') then 'not_started'
            when bool_or(state = 'awaited') then 'awaited'
            when bool_or(state = 'complete') then 'complete'
            else 'not_due'
        end as state
    from feed_completeness
    group by all
),

register_starts as (
    select
        feed_activity.feed,
        feed_activity.entity,
        min(feed_activity.month) as month
    from feed_activity
    inner join entity on feed_activity.entity = entity.entity
    where entity.is_register
    group by feed_activity.feed, feed_activity.entity
),

register_organizations as (
    select distinct
        feed_activity.feed,
        feed_activity.entity,
        feed_activity.organization_id,
        register_starts.month
    from feed_activity
    inner join register_starts
        on
            feed_activity.feed = register_starts.feed
            and feed_activity.entity = register_starts.entity
),

from_registers as (
    select
        register_organizations.feed,
        register_organizations.entity,
        register_organizations.organization_id,
        coverage_month.month,
        case when register_organizations.month <= coverage_month.month then 1 else 0 end
            as received_rows,
        case when register_organizations.month <= coverage_month.month then 0 else 1 end
            as lacking_rows,
        0 as lacking_days,
        case when register_organizations.month <= coverage_month.month then as_of_date end
            as complete_through,
        case
            when register_organizations.month <= coverage_month.month then 'complete'
            else 'not_started'
        end as state
    from register_organizations
    cross join coverage_month
),

known as (
    select * from from_days
    union all
    select * from from_registers
),

usual as (
    select
        known.entity,
        organization.organization_level,
        percentile_cont(0.5) within group (order by known.received_rows) as received_rows
    from known
    inner join organization on known.organization_id = organization.organization_id
    where known.received_rows > 0
    group by known.entity, organization.organization_level
),

silent_feeds as (
    select
        feed_entity.feed,
        feed_entity.entity,
        feed.member_id,
        feed.starts_date,
        feed.stops_date
    from feed_entity
    inner join feed on feed_entity.feed = feed.feed
    left join (select distinct feed from known) as heard on feed_entity.feed = heard.feed
    where heard.feed is null
),

silent_organizations as (
    select
        silent_feeds.*,
        coalesce(organization.organization_id, silent_feeds.member_id) as organization_id
    from silent_feeds
    left join organization as member on silent_feeds.member_id = member.organization_id
    left join organization
        on
            member.organization_level = 'bureau'
            or silent_feeds.member_id = organization.organization_id
),

known_share as (
    select
        entity.entity,
        organization.organization_level,
        count(distinct known.organization_id) as known_count,
        count(distinct organization.organization_id) as organization_count
    from entity
    cross join organization
    left join known
        on
            entity.entity = known.entity
            and organization.organization_id = known.organization_id
    where
        not entity.is_register
        and organization.organization_level in ('hospital', 'township', 'village')
    group by entity.entity, organization.organization_level
),

unheard as (
    select
        '' as feed,
        known_share.entity,
        '' as member_id,
        organization.valid_from as starts_date,
        organization.valid_to as stops_date,
        organization.organization_id
    from known_share
    inner join organization
        on known_share.organization_level = organization.organization_level
    inner join usual
        on
            known_share.entity = usual.entity
            and known_share.organization_level = usual.organization_level
    left join (select distinct entity, organization_id from known) as heard
        on
            known_share.entity = heard.entity
            and organization.organization_id = heard.organization_id
    where
        heard.entity is null
        and known_share.known_count >= 4
        and known_share.known_count >= 0.75 * known_share.organization_count
        and usual.received_rows * (select count(*) from coverage_month) >= 10
),

silent as (
    select * from silent_organizations
    union all
    select
        feed,
        entity,
        member_id,
        starts_date,
        stops_date,
        organization_id
    from unheard
),

from_silence as (
    select
        silent.feed,
        silent.entity,
        silent.organization_id,
        coverage_month.month,
        0 as received_rows,
        coalesce(usual.received_rows, 1) as lacking_rows,
        {{ days_between('coverage_month.month', 'coverage_month.as_of_date') }} + 1
            as lacking_days,
        cast(null as date) as complete_through,
        'never_came' as state
    from silent
    cross join coverage_month
    left join organization on silent.organization_id = organization.organization_id
    left join usual
        on
            silent.entity = usual.entity
            and organization.organization_level = usual.organization_level
    where
        coalesce(silent.starts_date <= coverage_month.month_end, true)
        and coalesce(silent.stops_date >= coverage_month.month, true)
),

completeness as (
    select * from known
    union all
    select * from from_silence
),

feed_completeness_month as (
    select
        feed,
        entity,
        organization_id,
        month,
        cast(received_rows as bigint) as received_rows,
        cast(lacking_rows as double) as lacking_rows,
        cast(lacking_days as bigint) as lacking_days,
        complete_through,
        state
    from completeness
)

select * from feed_completeness_month
