-- Grain: one indicator, organization and period (month, quarter or year of the covered months).
-- Numerators and denominators are summed over contributing organizations, never rates averaged.
-- A period of a `sum` measure is the sum of its months, of a `latest` measure its last covered month.
-- A period not over ends at the last complete day; `as_of` is the last complete day of what a value
-- stands on. The value is null where nothing came, nothing applies or a small cell is suppressed.
-- Bounds of plausibility are the catalogue's; what lacks data is `partial` before it has jumped.
with

indicator as (
    select * from {{ source('reference', 'indicator') }}
),

measure as (
    select * from {{ source('reference', 'measure') }}
),

measure_month as (
    select * from {{ ref('measure_month') }}
),

indicator_organization as (
    select * from {{ ref('indicator_organization') }}
),

indicator_completeness as (
    select * from {{ ref('indicator_completeness') }}
),

period_months as (
    select * from {{ ref('indicator_period') }}
),

stated as (
    select distinct
        indicator_organization.indicator_id,
        indicator_organization.definition_version,
        indicator_organization.organization_id,
        period_months.period,
        period_months.period_kind,
        period_months.period_start,
        period_months.period_end,
        period_months.is_to_date
    from indicator_organization
    inner join indicator
        on
            indicator_organization.indicator_id = indicator.indicator_id
            and indicator_organization.definition_version = indicator.definition_version
    inner join period_months
        on
            period_months.month between indicator_organization.valid_from
            and indicator_organization.valid_to
            and period_months.period_start >= indicator.valid_from
            and (indicator.valid_to is null or period_months.period_start <= indicator.valid_to)
            and (indicator.evaluated = 'any_period' or period_months.period_kind = 'year')
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
            and measure_month.month between indicator_organization.valid_from
            and indicator_organization.valid_to
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

measured as (
    select
        stated.*,
        indicator.quality_floor,
        indicator.min_denominator,
        indicator.completeness_floor,
        indicator.plausible_minimum,
        indicator.plausible_maximum,
        indicator.jump_width,
        indicator.unit,
        indicator.evaluated = 'whole_year' and stated.is_to_date as is_too_early,
        coalesce(figures.numerator, 0) as numerator,
        coalesce(figures.denominator, 0) as denominator,
        coalesce(figures.excluded_count, 0) as excluded_count,
        coalesce(figures.denominator_record_count, 0) as denominator_record_count,
        case
            when figures.denominator > 0
                then cast(coalesce(figures.numerator, 0) as double) / cast(figures.denominator as double)
        end as value,
        indicator_completeness.outcome,
        indicator_completeness.covered_share,
        indicator_completeness.gap,
        case
            when indicator_completeness.complete_through is not null
                then least(indicator_completeness.complete_through, stated.period_end)
        end as as_of
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
    left join indicator_completeness
        on
            stated.indicator_id = indicator_completeness.indicator_id
            and stated.definition_version = indicator_completeness.definition_version
            and stated.organization_id = indicator_completeness.organization_id
            and stated.period = indicator_completeness.period
),

-- What the months before say of a month: their lowest and highest value, where they were whole.
compared as (
    select
        *,
        {% for figure in ['count', 'min', 'max'] %}
        {{ figure }}(
            case
                when period_kind = 'month' and covered_share >= completeness_floor and denominator >= 30
                    then value
            end
        ) over (
            partition by indicator_id, organization_id, period_kind
            order by period_start rows between 12 preceding and 1 preceding
        ) as {{ figure }}_before,
        {% endfor %}
        outcome = 'received' and covered_share < completeness_floor as is_partial
    from measured
),

judged as (
    select
        *,
        period_kind = 'month'
        and not is_to_date
        and denominator >= 30
        and count_before >= 6
        and (
            value > greatest(max_before + jump_width * (max_before - min_before), 1.25 * max_before)
            or value < least(min_before - jump_width * (max_before - min_before), 0.75 * min_before)
        ) as is_jump
    from compared
),

with_state as (
    select
        *,
        case
            when outcome = 'no_feed' then 'no_feed'
            when outcome = 'not_expected' or is_too_early then 'not_applicable'
            when denominator = 0 and excluded_count > 0 then 'below_quality_floor'
            when denominator = 0 and is_partial then 'partial'
            when denominator = 0 then 'not_applicable'
            when denominator < min_denominator then 'suppressed'
            when value < plausible_minimum or value > plausible_maximum then 'implausible'
            when is_partial then 'partial'
            when
                denominator_record_count
                < quality_floor * (denominator_record_count + excluded_count)
                then 'below_quality_floor'
            when is_jump then 'implausible'
            else 'ok'
        end as state
    from judged
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
            when state in ('ok', 'partial', 'implausible', 'below_quality_floor') then value
        end as value,
        cast(excluded_count as bigint) as excluded_count,
        state,
        round(covered_share, 4) as covered_share,
        as_of,
        is_to_date,
        case
            when state = 'no_feed' then '没有收到所需数据' || coalesce('：' || gap, '')
            when state = 'partial'
                then
                    '数据覆盖' || cast(round(covered_share * 100, 1) as varchar) || '%'
                    || coalesce('：' || gap, '')
            when state = 'not_applicable' and outcome = 'not_expected' then '没有为本机构供数的数据源'
            when state = 'not_applicable' and is_too_early then '全年指标，年度结束后评价'
            when state = 'not_applicable' then '本期没有分母'
            when state = 'below_quality_floor'
                then '资料不全未计入' || cast(excluded_count as varchar) || '条'
            when state = 'suppressed' then '分母小于' || cast(min_denominator as varchar)
            when state = 'implausible' and value > plausible_maximum
                then
                    '高于合理上限' || case
                        when unit = 'ratio'
                            then cast(round(plausible_maximum * 100, 1) as varchar) || '%'
                        else cast(plausible_maximum as varchar)
                    end
            when state = 'implausible' and value < plausible_minimum then '低于合理下限'
            when state = 'implausible' then '超出本机构近十二个月的变动范围'
        end as reason,
        cast(definition_version as bigint) as definition_version
    from with_state
)

select * from indicator_value
