-- Grain: one feed, table, organization and run of days that lack data.
with

feed_completeness as (
    select * from {{ ref('feed_completeness') }}
),

islands as (
    select
        *,
        sum(case when state in ('lacking', 'not_started') then 0 else 1 end) over (
            partition by feed, entity, organization_id
            order by day rows between unbounded preceding and current row
        ) as island
    from feed_completeness
),

feed_gap as (
    select
        feed,
        entity,
        organization_id,
        min(day) as first_date,
        max(day) as last_date,
        count(*) as day_count,
        round(sum(lacking_rows), 3) as lacking_rows,
        min(state) as state
    from islands
    where state in ('lacking', 'not_started')
    group by feed, entity, organization_id, island
)

select * from feed_gap
