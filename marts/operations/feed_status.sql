-- Grain: one feed. Late: longer without a file than its contract allows (a period and late_after),
-- at the time of this run; no_feed: nothing ever came.
with

feed as (
    select * from {{ source('reference', 'feed') }}
),

ledger as (
    select * from {{ source('reference', 'ledger') }}
),

organization as (
    select * from {{ ref('organization') }}
),

counted as (
    select
        feed.feed,
        feed.label_zh as feed_label,
        feed.member_id as organization_id,
        organization.organization_name,
        feed.format,
        coalesce(ledger.received, 0) as received,
        coalesce(ledger.accepted, 0) as accepted,
        coalesce(ledger.quarantined, 0) as quarantined,
        coalesce(ledger.duplicate, 0) as duplicate,
        ledger.last_received_at,
        greatest(
            0,
            {{ days_between(day_of('ledger.last_received_at'), day_of(run_moment())) }}
        ) as freshness_days,
        {{ hours_between('ledger.last_received_at', run_moment()) }} as hours_without,
        feed.allowed_hours
    from feed
    left join ledger on feed.feed = ledger.feed
    left join organization on feed.member_id = organization.organization_id
),

with_state as (
    select
        *,
        case
            when received = 0 then 'no_feed'
            when hours_without > allowed_hours then 'late'
            else 'ok'
        end as state
    from counted
),

feed_status as (
    select
        feed,
        feed_label,
        organization_id,
        organization_name,
        format,
        received,
        accepted,
        quarantined,
        duplicate,
        case
            when received > 0 then cast(accepted as double) / cast(received as double)
        end as accepted_rate,
        state,
        case state when 'ok' then '正常' when 'late' then '迟到' else '无数据源' end as state_name,
        last_received_at,
        case when last_received_at is not null then freshness_days end as freshness_days
    from with_state
)

select * from feed_status
