-- Grain: one measure, organization, month and stay. A stay is an inpatient encounter that was not
-- cancelled. A bed is occupied on each day the patient is in it at 24:00; a stay that ends on its
-- first day occupies what rule bed_days says. A discharge counts at least one bed day. An open stay
-- lasts to the last complete day. Where a feed of its organization lacks days since, its end may be
-- lost: it counts up to the first of them, is excluded for the days of rule open_stay, then taken as
-- ended.
with

encounter as (
    select * from {{ ref('encounter') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

feed_gap as (
    select * from {{ ref('feed_gap') }}
    where entity = 'encounter' and state = 'lacking'
),

stays as (
    select
        organization_id,
        encounter_id as record_id,
        person_id,
        {{ day_of('started_at') }} as started_date,
        {{ day_of('ended_at') }} as ended_date
    from encounter
    where not coalesce(is_cancelled, false) and encounter_class_code = '3'
),

discharged as (
    select
        organization_id,
        {{ month_of('ended_date') }} as month,
        record_id,
        person_id,
        greatest(1, {{ days_between('started_date', 'ended_date') }}) as bed_days
    from stays
    where ended_date is not null
),

occupying as (
    select
        *,
        case
            when started_date = ended_date
                then {{ days_later('started_date', rule_value(
                    'bed_days', 'same_day_stay', 'started_date'
                )) }}
            else ended_date
        end as occupied_until
    from stays
),

ends_maybe_lost as (
    select
        stays.organization_id,
        stays.record_id,
        min(greatest(feed_gap.first_date, stays.started_date)) as unknown_from
    from stays
    inner join feed_gap
        on
            stays.organization_id = feed_gap.organization_id
            and stays.started_date <= feed_gap.last_date
    where stays.ended_date is null
    group by stays.organization_id, stays.record_id
),

lasting as (
    select
        occupying.organization_id,
        occupying.record_id,
        occupying.person_id,
        occupying.started_date,
        coalesce(occupying.occupied_until, ends_maybe_lost.unknown_from) as known_until,
        case
            when ends_maybe_lost.unknown_from is not null
                then {{ days_later('ends_maybe_lost.unknown_from', rule_value(
                    'open_stay', 'days_until_taken_as_ended', 'ends_maybe_lost.unknown_from'
                )) }}
            else occupying.occupied_until
        end as occupied_until
    from occupying
    left join ends_maybe_lost
        on
            occupying.organization_id = ends_maybe_lost.organization_id
            and occupying.record_id = ends_maybe_lost.record_id
),

days_by_month as (
    select
        lasting.organization_id,
        coverage_month.month,
        lasting.record_id,
        lasting.person_id,
        {{ days_between(
            'greatest(lasting.started_date, coverage_month.month)',
            'least(coalesce(lasting.occupied_until, coverage_month.as_of_date + 1), coverage_month.as_of_date + 1)'
        ) }} as bed_days,
        {{ days_between(
            'greatest(lasting.started_date, coverage_month.month)',
            'least(coalesce(lasting.known_until, coverage_month.as_of_date + 1), coverage_month.as_of_date + 1)'
        ) }} as known_bed_days
    from lasting
    inner join coverage_month
        on
            lasting.started_date <= coverage_month.as_of_date
            and coalesce(lasting.occupied_until, coverage_month.as_of_date + 1) > coverage_month.month
),

bed_days_by_month as (
    select
        organization_id,
        month,
        record_id,
        person_id,
        case when known_bed_days > 0 then known_bed_days else bed_days end as bed_days,
        known_bed_days <= 0 as is_excluded
    from days_by_month
    where bed_days > 0
),

evidence as (
    select
        'admissions' as measure_id,
        organization_id,
        {{ month_of('started_date') }} as month,
        record_id,
        person_id,
        1 as value,
        false as is_excluded
    from stays
    union all
    select
        'discharges' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        1 as value,
        false as is_excluded
    from discharged
    union all
    select
        'discharge_bed_days' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        bed_days as value,
        false as is_excluded
    from discharged
    union all
    select
        'occupied_bed_days' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        bed_days as value,
        is_excluded
    from bed_days_by_month
),

typed as (
    select
        measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        cast(value as decimal(18, 2)) as value,
        is_excluded
    from evidence
)

select * from typed
