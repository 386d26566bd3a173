-- Grain: one measure, organization, month and bed period. Value: days of the month the bed was open,
-- from its opening day up to, not including, its closing day; a month not over ends at its last
-- complete day.
with

bed as (
    select * from {{ ref('bed') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

open_days as (
    select
        bed.organization_id,
        coverage_month.month,
        bed.bed_id || '@' || cast(bed.opened_date as varchar) as record_id,
        {{ days_between(
            'greatest(bed.opened_date, coverage_month.month)',
            'least(coalesce(bed.closed_date, coverage_month.as_of_date + 1), coverage_month.as_of_date + 1)'
        ) }} as value
    from bed
    inner join coverage_month
        on
            bed.opened_date <= coverage_month.as_of_date
            and coalesce(bed.closed_date, coverage_month.as_of_date + 1) > coverage_month.month
),

typed as (
    select
        'open_bed_days' as measure_id,
        organization_id,
        month,
        record_id,
        cast(null as varchar) as person_id,
        cast(value as decimal(18, 2)) as value,
        false as is_excluded
    from open_days
    where value > 0
)

select * from typed
