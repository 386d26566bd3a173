-- Grain: one indicator, organization and month or year, with the names a county user reads.
with

indicator_value as (
    select * from {{ ref('indicator_value') }}
    where period_kind in ('month', 'year')
),

indicator as (
    select * from {{ source('reference', 'indicator') }}
),

indicator_state as (
    select * from {{ source('reference', 'indicator_state') }}
),

organization_period as (
    select * from {{ ref('organization_period') }}
),

level_name as (
    select * from {{ source('reference', 'code') }}
    where code_system = 'organization_level'
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

indicator_display as (
    select
        indicator_value.indicator_id,
        indicator.name_zh as indicator_name,
        indicator.system_name,
        indicator_value.organization_id,
        organization_period.organization_name,
        organization_period.organization_level,
        level_name.name as organization_level_name,
        indicator_value.period,
        indicator_value.period_kind,
        indicator_value.period_start as month,
        indicator_value.numerator,
        indicator_value.denominator,
        indicator_value.value,
        indicator_value.value * case when indicator.unit = 'ratio' then 100 else 1 end
            as value_percent,
        indicator.unit_name,
        indicator.direction_name,
        indicator_value.state,
        indicator_state.state_name,
        indicator_value.covered_share,
        indicator_value.as_of,
        indicator_value.is_to_date,
        indicator_value.period || case
            when not indicator_value.is_to_date then ''
            when indicator_value.period_kind = 'month' then '（本月至今）'
            else '（本年至今）'
        end as period_label,
        indicator_value.reason,
        indicator.formula_zh as definition,
        indicator.confidence_name,
        indicator.source,
        indicator_value.definition_version,
        indicator_value.period_kind = 'month'
        and coalesce(coverage_month.is_latest_month, false) as is_latest_month
    from indicator_value
    inner join indicator
        on
            indicator_value.indicator_id = indicator.indicator_id
            and indicator_value.definition_version = indicator.definition_version
    inner join organization_period
        on
            indicator_value.organization_id = organization_period.organization_id
            and coalesce(indicator_value.as_of, indicator_value.period_start)
            between organization_period.valid_from and organization_period.valid_to
    left join indicator_state on indicator_value.state = indicator_state.state
    left join level_name on organization_period.organization_level = level_name.code
    left join coverage_month on indicator_value.period_start = coverage_month.month
)

select * from indicator_display
