-- Grain: one month that the lake covers, gaps included; figures are stated for these months only.
-- A feed's table is alive in a month with at least a quarter of the rows usual for it (the median of
-- its months). Of tables that indicators require, covered are the months from the first to the last
-- in which two are alive (one, where there is no more) and a fifth as many as in the year around, so
-- that a mistyped date or one table's long memory opens no month. The last day covered, of those and
-- of the month begun after them, is the last on which a fifth as many tables of daily feeds have rows
-- as on the fullest day; the day on which data arrived is not over. docs/decisions/0014.
with

feed_day as (
    select * from {{ source('reference', 'feed_day') }}
),

entity as (
    select * from {{ source('reference', 'entity') }}
),

ledger as (
    select * from {{ source('reference', 'ledger') }}
),

feed as (
    select * from {{ source('reference', 'feed') }}
),

required as (
    select distinct entity from {{ source('reference', 'indicator_requirement') }}
),

happened as (
    select
        feed_day.feed || ' ' || feed_day.entity as feed_table,
        feed_day.day,
        {{ month_of('feed_day.day') }} as month,
        feed_day.row_count,
        required.entity is not null as is_required,
        coalesce(feed.every = 'day', false) as is_daily
    from feed_day
    left join feed on feed_day.feed = feed.feed
    inner join entity on feed_day.entity = entity.entity
    left join required on feed_day.entity = required.entity
    where not entity.is_register
),

table_months as (
    select
        feed_table,
        month,
        sum(row_count) as row_count
    from happened
    where is_required
    group by feed_table, month
),

usual as (
    select
        feed_table,
        percentile_cont(0.5) within group (order by row_count) as usual_count
    from table_months
    group by feed_table
),

alive as (
    select
        table_months.month,
        count(*) as table_count
    from table_months
    inner join usual on table_months.feed_table = usual.feed_table
    where table_months.row_count >= 0.25 * usual.usual_count
    group by table_months.month
),

compared as (
    select
        month,
        table_count,
        max(table_count) over (order by month rows between current row and 12 following)
            as count_after,
        max(table_count) over (order by month rows between 12 preceding and current row)
            as count_before
    from alive
    where table_count >= (select least(2, max(table_count)) from alive)
),

limits as (
    select
        min(case when table_count >= 0.2 * count_after then month end) as first_month,
        max(case when table_count >= 0.2 * count_before then month end) as last_month
    from compared
),

days as (
    select
        happened.day,
        count(distinct happened.feed_table) as table_count
    from happened
    inner join limits
        on
            happened.day >= {{ months_later('limits.last_month', -1) }}
            and happened.month <= {{ months_later('limits.last_month', 1) }}
    where happened.is_daily or not (select bool_or(is_daily) from happened)
    group by happened.day
),

last_day_seen as (
    select max(day) as day from days
    where table_count >= 0.2 * (select max(table_count) from days)
),

through as (
    select
        limits.first_month,
        case
            when last_day_seen.day = (select {{ day_of('max(last_received_at)') }} from ledger)
                then cast({{ days_later('last_day_seen.day', -1) }} as date)
            else last_day_seen.day
        end as through_date
    from limits
    cross join last_day_seen
),

months as (
    select
        cast({{ months_from_to('first_month', month_of('through_date')) }} as date) as month,
        through_date
    from through
    where first_month is not null and through_date >= first_month
),

labelled as (
    select
        month,
        last_day(month) as month_end,
        least(last_day(month), through_date) as as_of_date,
        last_day(month) > through_date as is_open,
        month = {{ month_of('through_date') }} as is_latest_month
    from months
)

select * from labelled
