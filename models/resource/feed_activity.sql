-- Grain: one feed, entity, organization and month of events received.
select * from {{ ref('stg_feed_month') }}
