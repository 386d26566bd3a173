-- Grain: one feed, entity and organization the feed speaks for: its member and every organization
-- found in its rows. A bureau's feed that never sent a row is taken to speak for the whole county,
-- so that its silence shows everywhere.
with

feed as (
    select * from {{ source('reference', 'feed') }}
),

feed_entity as (
    select * from {{ source('reference', 'feed_entity') }}
),

feed_activity as (
    select * from {{ ref('feed_activity') }}
),

organization as (
    select * from {{ ref('organization') }}
),

members as (
    select
        feed_entity.feed,
        feed_entity.entity,
        feed.member_id as organization_id
    from feed_entity
    inner join feed on feed_entity.feed = feed.feed
),

found_in_rows as (
    select distinct
        feed_activity.feed,
        feed_activity.entity,
        feed_activity.organization_id
    from feed_activity
    inner join feed_entity
        on
            feed_activity.feed = feed_entity.feed
            and feed_activity.entity = feed_entity.entity
),

silent_bureau_feeds as (
    select
        members.feed,
        members.entity
    from members
    inner join organization on members.organization_id = organization.organization_id
    left join found_in_rows
        on members.feed = found_in_rows.feed and members.entity = found_in_rows.entity
    where organization.organization_level = 'bureau' and found_in_rows.feed is null
),

whole_county as (
    select
        silent_bureau_feeds.feed,
        silent_bureau_feeds.entity,
        organization.organization_id
    from silent_bureau_feeds
    cross join organization
),

feed_organization as (
    select * from members
    union
    select * from found_in_rows
    union
    select * from whole_county
)

select * from feed_organization
