-- Grain: one feed, entity, organization and month of events: rows accepted, all versions. The ledger
-- counts them by day while it books. Rows without an event time belong to no month.
with

feed_day as (
    select * from {{ source('reference', 'feed_day') }}
),

feed_activity as (
    select
        feed,
        entity,
        organization_id,
        {{ month_of('day') }} as month,
        cast(sum(row_count) as bigint) as row_count
    from feed_day
    group by all
)

select * from feed_activity
