-- Grain: one feed, entity it fills and month of coverage; zero where nothing came. A row of a
-- register (beds, staff, ...) counts from its month on, because it states what is, not what happened.
with

feed as (
    select * from {{ source('reference', 'feed') }}
),

feed_entity as (
    select * from {{ source('reference', 'feed_entity') }}
),

entity as (
    select * from {{ source('reference', 'entity') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

feed_activity as (
    select * from {{ ref('feed_activity') }}
),

expected as (
    select
        feed.feed,
        feed_entity.entity,
        feed.member_id as organization_id,
        coverage_month.month,
        entity.is_register
    from feed
    inner join feed_entity on feed.feed = feed_entity.feed
    inner join entity on feed_entity.entity = entity.entity
    cross join coverage_month
),

feed_month as (
    select
        expected.feed,
        expected.entity,
        expected.organization_id,
        expected.month,
        cast(coalesce(sum(feed_activity.row_count), 0) as bigint) as row_count
    from expected
    left join feed_activity
        on
            expected.feed = feed_activity.feed
            and expected.entity = feed_activity.entity
            and (
                expected.month = feed_activity.month
                or (expected.is_register and expected.month > feed_activity.month)
            )
    group by expected.feed, expected.entity, expected.organization_id, expected.month
)

select * from feed_month
