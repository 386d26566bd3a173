-- Grain: one feed, table it fills, organization and covered day: what came and what lacks. Tables
-- that state what is (registers) and feeds that never came are in feed_completeness_month only.
--
-- Usual is a table's own rows of that weekday and season: the mean of 90 days before and after, times
-- the weekday's part, never more than last year had at that season. A day is quiet when it has less
-- than 0.3 of that. A run of quiet days lacks data when it is longer than the table's own pauses
-- (1.5 times the 90th percentile) and too unlikely by its own habit: the sum over its days of
-- -ln(1 - share of such weekdays with rows), or of the usual rows where those are many, above 10.
-- A month of a feed that is over lacks when nothing came in it and something does in most months;
-- that of an organization when it usually has six days with rows. Less than 28 days or ten days with
-- rows is too little to judge days by. In a month that goes on, days are `awaited` while a feed that
-- comes by the month has sent none of it; of a weekly feed, the last two weeks. A gap of the feed as
-- a whole is one of all its organizations.
-- docs/decisions/0014.
with

feed_day as (
    select * from {{ source('reference', 'feed_day') }}
),

entity as (
    select * from {{ source('reference', 'entity') }}
    where not is_register
),

feed as (
    select * from {{ source('reference', 'feed') }}
),

organization_validity as (
    select * from {{ ref('organization_validity') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

limits as (
    select
        min(month) as first_day,
        max(as_of_date) as last_day
    from coverage_month
),

days as (
    select cast({{ days_from_to('first_day', 'last_day') }} as date) as day from limits
    where first_day is not null
),

calendar as (
    select
        days.day,
        coverage_month.is_open
    from days
    inner join coverage_month on {{ month_of('days.day') }} = coverage_month.month
),

rows_by_day as (
    select
        feed_day.feed,
        feed_day.entity,
        feed_day.organization_id,
        feed_day.day,
        feed_day.row_count
    from feed_day
    inner join entity on feed_day.entity = entity.entity
    inner join feed on feed_day.feed = feed.feed
    inner join limits on feed_day.day between limits.first_day and limits.last_day
    union all
    select
        feed_day.feed,
        feed_day.entity,
        '' as organization_id,
        feed_day.day,
        sum(feed_day.row_count) as row_count
    from feed_day
    inner join entity on feed_day.entity = entity.entity
    inner join feed on feed_day.feed = feed.feed
    inner join limits on feed_day.day between limits.first_day and limits.last_day
    group by feed_day.feed, feed_day.entity, feed_day.day
),

pauses as (
    select
        feed,
        entity,
        organization_id,
        day,
        {{ days_between(
            'lag(day) over (partition by feed, entity, organization_id order by day)', 'day'
        ) }} - 1 as pause_days
    from rows_by_day
),

series as (
    select
        feed,
        entity,
        organization_id,
        row_number() over (order by feed, entity, organization_id) as series,
        min(day) as first_day,
        max(day) as last_day,
        count(*) as day_count,
        coalesce(percentile_cont(0.9) within group (order by pause_days), 0) as usual_pause
    from pauses
    group by feed, entity, organization_id
),

in_force as (
    select
        organization_id,
        min(valid_from) as valid_from,
        max(coalesce(valid_to, date '9999-12-31')) as valid_to
    from organization_validity
    group by organization_id
),

grid as (
    select
        series.series,
        calendar.day,
        {{ month_of('calendar.day') }} as month,
        {{ weekday_of('calendar.day') }} as weekday,
        coalesce(rows_by_day.row_count, 0) as row_count,
        case
            when calendar.day between series.first_day and series.last_day
                then coalesce(rows_by_day.row_count, 0)
        end as active_count,
        calendar.day < series.first_day as is_before_start,
        calendar.is_open,
        coalesce(calendar.day >= in_force.valid_from, true)
        and coalesce(calendar.day <= in_force.valid_to, true)
        and coalesce(calendar.day >= feed.starts_date, true)
        and coalesce(calendar.day <= feed.stops_date, true) as is_due
    from series
    cross join limits
    cross join calendar
    inner join feed on series.feed = feed.feed
    left join in_force on series.organization_id = in_force.organization_id
    left join rows_by_day
        on
            series.feed = rows_by_day.feed
            and series.entity = rows_by_day.entity
            and series.organization_id = rows_by_day.organization_id
            and calendar.day = rows_by_day.day
),

habit as (
    select
        series,
        avg(active_count) as mean_count,
        sum(case when active_count > 0 then 1.0 else 0.0 end) / count(active_count) as active_share
    from grid
    group by series
),

-- Two more days like all others, so that few weeks say little of a weekday.
weekday_habit as (
    select
        grid.series,
        grid.weekday,
        (coalesce(sum(grid.active_count), 0) + 2 * any_value(habit.mean_count))
        / (count(grid.active_count) + 2) / any_value(habit.mean_count) as weekday_part,
        (
            sum(case when grid.active_count > 0 then 1.0 else 0.0 end)
            + 2 * any_value(habit.active_share)
        ) / (count(grid.active_count) + 2) as active_share
    from grid
    inner join habit on grid.series = habit.series
    group by grid.series, grid.weekday
),

around as (
    select
        *,
        avg(active_count) over (
            partition by series order by day rows between 90 preceding and 90 following
        ) as local_mean,
        avg(active_count) over (
            partition by series order by day rows between 392 preceding and 336 preceding
        ) as season_mean,
        count(active_count) over (
            partition by series order by day rows between 392 preceding and 336 preceding
        ) as season_days
    from grid
),

judged as (
    select
        around.*,
        habit.mean_count,
        weekday_habit.weekday_part,
        weekday_habit.active_share,
        greatest(coalesce(around.local_mean, habit.mean_count), 0.5 * habit.mean_count)
        * weekday_habit.weekday_part
        * case
            when around.season_days >= 28 then least(1, around.season_mean / habit.mean_count)
            else 1
        end as usual_count
    from around
    inner join habit on around.series = habit.series
    inner join weekday_habit
        on around.series = weekday_habit.series and around.weekday = weekday_habit.weekday
),

quiet as (
    select
        series,
        day,
        is_due and row_count <= 0.3 * usual_count as is_quiet,
        case
            when usual_count >= 20 and active_share >= 0.95 then usual_count / 4
            else -ln(1 - least(0.99, active_share))
        end as surprise
    from judged
),

islands as (
    select
        series,
        day,
        surprise,
        is_quiet,
        sum(case when is_quiet then 0 else 1 end) over (
            partition by series order by day rows between unbounded preceding and current row
        ) as island
    from quiet
),

silent_runs as (
    select
        islands.series,
        min(islands.day) as first_day,
        max(islands.day) as last_day
    from islands
    inner join series on islands.series = series.series
    cross join limits
    where
        islands.is_quiet
        and series.day_count >= 10
        and {{ days_between('series.first_day', 'limits.last_day') }} >= 28
    group by islands.series, islands.island, series.usual_pause
    having sum(islands.surprise) > 10 and count(*) > 1.5 * series.usual_pause
),

months_of_series as (
    select
        series,
        month,
        sum(row_count) as row_count,
        sum(case when row_count > 0 then 1 else 0 end) as active_days,
        bool_and(is_due) as is_due,
        bool_or(is_open) as is_open,
        bool_and(is_before_start) as is_before_start
    from grid
    group by series, month
),

regular as (
    select
        series,
        avg(active_days) filter (where row_count > 0) as usual_days,
        avg(case when row_count > 0 then 1.0 else 0.0 end) as month_share
    from months_of_series
    where not is_before_start
    group by series
),

silent_months as (
    select
        months_of_series.series,
        months_of_series.month
    from months_of_series
    inner join regular on months_of_series.series = regular.series
    inner join series on months_of_series.series = series.series
    where
        months_of_series.row_count = 0
        and months_of_series.is_due
        and not months_of_series.is_open
        and regular.month_share >= 0.6
        and (
            regular.usual_days >= 6
            or (
                series.organization_id = ''
                and (not months_of_series.is_before_start or regular.usual_days >= 2)
            )
        )
),

lacking_days as (
    select
        grid.series,
        grid.day
    from grid
    inner join silent_runs
        on
            grid.series = silent_runs.series
            and grid.day between silent_runs.first_day and silent_runs.last_day
    union
    select
        grid.series,
        grid.day
    from grid
    inner join silent_months
        on grid.series = silent_months.series and grid.month = silent_months.month
),

lacking_by_name as (
    select distinct
        series.feed,
        series.entity,
        series.organization_id,
        lacking_days.day
    from lacking_days
    inner join series on lacking_days.series = series.series
),

whole_series as (
    select
        series.feed,
        series.entity,
        series.last_day,
        feed.every,
        limits.last_day as through_date
    from series
    inner join feed on series.feed = feed.feed
    cross join limits
    where series.organization_id = ''
),

marked as (
    select
        series.feed,
        series.entity,
        series.organization_id,
        judged.*,
        judged.is_due and judged.day > whole_series.last_day
        and case whole_series.every
            when 'month' then judged.is_open and judged.month > whole_series.last_day
            when 'week' then {{ days_between('judged.day', 'whole_series.through_date') }} < 14
            else false
        end as is_awaited,
        judged.is_due
        and (own.day is not null or (whole.day is not null and judged.row_count <= 0.3 * judged.usual_count))
            as is_lacking
    from judged
    inner join series on judged.series = series.series
    inner join whole_series
        on series.feed = whole_series.feed and series.entity = whole_series.entity
    left join lacking_by_name as own
        on
            series.feed = own.feed
            and series.entity = own.entity
            and series.organization_id = own.organization_id
            and judged.day = own.day
    left join lacking_by_name as whole
        on
            series.feed = whole.feed
            and series.entity = whole.entity
            and whole.organization_id = ''
            and judged.day = whole.day
    where series.organization_id <> ''
),

-- What is usual once more, without the days that lack.
usual as (
    select
        *,
        avg(case when not is_lacking then active_count end) over (
            partition by series order by day rows between 90 preceding and 90 following
        ) as whole_local_mean,
        avg(case when not is_lacking then active_count end) over (partition by series)
            as whole_mean
    from marked
),

feed_completeness as (
    select
        feed,
        entity,
        organization_id,
        day,
        cast(row_count as bigint) as received_rows,
        round(
            cast(
                case
                    when is_due
                        then coalesce(whole_local_mean, whole_mean, mean_count) * weekday_part
                    else 0
                end as double
            ), 3
        ) as usual_rows,
        round(
            cast(
                case
                    when is_lacking or is_awaited
                        then greatest(
                            0,
                            coalesce(whole_local_mean, whole_mean, mean_count) * weekday_part
                            - row_count
                        )
                    else 0
                end as double
            ), 3
        ) as lacking_rows,
        case
            when not is_due then 'not_due'
            when is_awaited then 'awaited'
            when is_lacking and is_before_start then 'not_started'
            when is_lacking then 'lacking'
            else 'complete'
        end as state
    from usual
)

select * from feed_completeness
