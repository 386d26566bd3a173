-- Grain: one indicator, organization and period (month, quarter or year of the covered months).
-- Numerators and denominators are summed over contributing organizations, never rates averaged.
-- A period of a `sum` measure is the sum of its months, of a `latest` measure its last covered month.
-- The value is null unless the state is ok or below_quality_floor: a missing feed reads as missing.
with

indicator as (
    select * from {{ source('reference', 'indicator') }}
),

measure as (
    select * from {{ source('reference', 'measure') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

measure_month as (
    select * from {{ ref('measure_month') }}
),

indicator_organization as (
    select * from {{ ref('indicator_organization') }}
),

indicator_feed_gap as (
    select * from {{ ref('indicator_feed_gap') }}
),

kinds as (
    {% for kind in ['month', 'quarter', 'year'] %}
    select
        '{{ kind }}' as period_kind,
        month,
        {{ period_start_of(kind, 'month') }} as period_start
    from coverage_month
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

period_months as (
    select
        period_kind,
        period_start,
        month,
        case period_kind
            when 'year' then cast(year(month) as varchar)
            when 'quarter'
                then cast(year(month) as varchar) || 'Q' || cast(quarter(month) as varchar)
            else cast(year(month) as varchar) || '-' || lpad(cast(month(month) as varchar), 2, '0')
        end as period,
        month = max(month) over (partition by period_kind, period_start) as is_last_month
    from kinds
),

stated as (
    select distinct
        indicator_organization.indicator_id,
        indicator_organization.definition_version,
        indicator_organization.organization_id,
        period_months.period,
        period_months.period_kind,
        period_months.period_start
    from indicator_organization
    inner join indicator
        on
            indicator_organization.indicator_id = indicator.indicator_id
            and indicator_organization.definition_version = indicator.definition_version
    inner join period_months
        on
            period_months.period_start >= indicator.valid_from
            and (indicator.valid_to is null or period_months.period_start <= indicator.valid_to)
),

roles as (
    select
        indicator_id,
        definition_version,
        'numerator' as role,
        numerator as measure_id
    from indicator
    union all
    select
        indicator_id,
        definition_version,
        'denominator' as role,
        denominator as measure_id
    from indicator
),

figures as (
    select
        roles.indicator_id,
        roles.definition_version,
        indicator_organization.organization_id,
        period_months.period,
        sum(measure_month.value) filter (where roles.role = 'numerator') as numerator,
        sum(measure_month.value) filter (where roles.role = 'denominator') as denominator,
        sum(measure_month.record_count) as record_count,
        sum(measure_month.excluded_count) as excluded_count,
        sum(measure_month.record_count) filter (where roles.role = 'denominator')
            as denominator_record_count
    from roles
    inner join measure on roles.measure_id = measure.measure_id
    inner join indicator_organization
        on
            roles.indicator_id = indicator_organization.indicator_id
            and roles.definition_version = indicator_organization.definition_version
    inner join measure_month
        on
            roles.measure_id = measure_month.measure_id
            and indicator_organization.contributor_id = measure_month.organization_id
    inner join period_months
        on
            measure_month.month = period_months.month
            and (measure.additivity = 'sum' or period_months.is_last_month)
    group by
        roles.indicator_id,
        roles.definition_version,
        indicator_organization.organization_id,
        period_months.period
),

gap_by_period as (
    select
        indicator_feed_gap.indicator_id,
        indicator_feed_gap.definition_version,
        indicator_feed_gap.organization_id,
        period_months.period,
        min(indicator_feed_gap.gap) as gap
    from indicator_feed_gap
    inner join period_months on indicator_feed_gap.month = period_months.month
    group by
        indicator_feed_gap.indicator_id,
        indicator_feed_gap.definition_version,
        indicator_feed_gap.organization_id,
        period_months.period
),

with_state as (
    select
        stated.indicator_id,
        stated.organization_id,
        stated.period,
        stated.period_kind,
        stated.period_start,
        coalesce(figures.numerator, 0) as numerator,
        coalesce(figures.denominator, 0) as denominator,
        coalesce(figures.excluded_count, 0) as excluded_count,
        case
            when gap_by_period.gap = 'no_feed' then 'no_feed'
            when gap_by_period.gap = 'not_expected' then 'not_applicable'
            when coalesce(figures.denominator, 0) = 0 and coalesce(figures.excluded_count, 0) > 0
                then 'below_quality_floor'
            when coalesce(figures.denominator, 0) = 0 then 'not_applicable'
            when
                figures.denominator_record_count
                < indicator.quality_floor
                * (figures.denominator_record_count + figures.excluded_count)
                then 'below_quality_floor'
            when figures.denominator < indicator.min_denominator then 'suppressed'
            else 'ok'
        end as state,
        stated.definition_version
    from stated
    inner join indicator
        on
            stated.indicator_id = indicator.indicator_id
            and stated.definition_version = indicator.definition_version
    left join figures
        on
            stated.indicator_id = figures.indicator_id
            and stated.definition_version = figures.definition_version
            and stated.organization_id = figures.organization_id
            and stated.period = figures.period
    left join gap_by_period
        on
            stated.indicator_id = gap_by_period.indicator_id
            and stated.definition_version = gap_by_period.definition_version
            and stated.organization_id = gap_by_period.organization_id
            and stated.period = gap_by_period.period
),

indicator_value as (
    select
        indicator_id,
        organization_id,
        period,
        period_kind,
        period_start,
        case
            when state not in ('suppressed', 'no_feed') then cast(numerator as decimal(18, 2))
        end as numerator,
        case
            when state not in ('suppressed', 'no_feed') then cast(denominator as decimal(18, 2))
        end as denominator,
        case
            when state in ('ok', 'below_quality_floor') and denominator > 0
                then cast(numerator as double) / cast(denominator as double)
        end as value,
        cast(excluded_count as bigint) as excluded_count,
        state,
        cast(definition_version as bigint) as definition_version
    from with_state
)

select * from indicator_value
