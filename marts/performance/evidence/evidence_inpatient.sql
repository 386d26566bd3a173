-- Grain: one measure, organization, month and stay. A stay is an inpatient encounter that was not
-- cancelled. A bed is occupied on each day the patient is in it at 24:00, so a same-day stay
-- occupies none; a discharge counts at least one bed day. An open stay lasts to the end of coverage.
with

encounter as (
    select * from {{ ref('encounter') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
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

bed_days_by_month as (
    select
        stays.organization_id,
        coverage_month.month,
        stays.record_id,
        stays.person_id,
        {{ days_between(
            'greatest(stays.started_date, coverage_month.month)',
            'least(coalesce(stays.ended_date, coverage_month.month_end + 1), coverage_month.month_end + 1)'
        ) }} as bed_days
    from stays
    inner join coverage_month
        on
            stays.started_date <= coverage_month.month_end
            and coalesce(stays.ended_date, coverage_month.month_end + 1) > coverage_month.month
),

evidence as (
    select
        'admissions' as measure_id,
        organization_id,
        {{ month_of('started_date') }} as month,
        record_id,
        person_id,
        1 as value
    from stays
    union all
    select
        'discharges' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        1 as value
    from discharged
    union all
    select
        'discharge_bed_days' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        bed_days as value
    from discharged
    union all
    select
        'occupied_bed_days' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        bed_days as value
    from bed_days_by_month
    where bed_days > 0
),

typed as (
    select
        measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        cast(value as decimal(18, 2)) as value,
        false as is_excluded
    from evidence
)

select * from typed
