-- Grain: one service organization (hospital, township centre, village room) and covered month, zeros
-- where nothing happened. Own figures, not rolled up.
with

organization as (
    select * from {{ ref('organization') }}
    where organization_level in ('hospital', 'township', 'village')
),

level_name as (
    select * from {{ source('reference', 'code') }}
    where code_system = 'organization_level'
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

measure_month as (
    select * from {{ ref('measure_month') }}
),

prescription as (
    select * from {{ ref('prescription') }}
),

laboratory_result as (
    select * from {{ ref('laboratory_result') }}
),

{% set counted = {
    'outpatient_visits': 'outpatient_visits',
    'tcm_visits': 'tcm_outpatient_visits',
    'admissions': 'admissions',
    'discharges': 'discharges',
    'discharge_bed_days': 'discharge_bed_days',
    'occupied_bed_days': 'occupied_bed_days',
    'open_bed_days': 'open_bed_days',
} %}
measures_by_month as (
    select
        organization_id,
        month,
        {% for column, measure_id in counted.items() %}
        cast(sum(value) filter (where measure_id = '{{ measure_id }}') as bigint) as {{ column }},
        {% endfor %}
        cast(sum(value) filter (where measure_id = 'outpatient_fee_yuan') as decimal(18, 2))
            as outpatient_fee_yuan
    from measure_month
    group by organization_id, month
),

prescriptions_by_month as (
    select
        organization_id,
        {{ month_of('prescribed_at') }} as month,
        count(distinct prescription_id) as prescriptions
    from prescription
    group by all
),

laboratory_results_by_month as (
    select
        organization_id,
        {{ month_of('coalesce(reported_at, collected_at)') }} as month,
        count(*) as laboratory_results
    from laboratory_result
    group by all
),

service_month as (
    select
        organization.organization_id,
        organization.organization_name,
        organization.organization_level,
        level_name.name as organization_level_name,
        coverage_month.month,
        {% for column in counted %}
        coalesce(measures_by_month.{{ column }}, 0) as {{ column }},
        {% endfor %}
        coalesce(measures_by_month.outpatient_fee_yuan, 0) as outpatient_fee_yuan,
        coalesce(prescriptions_by_month.prescriptions, 0) as prescriptions,
        coalesce(laboratory_results_by_month.laboratory_results, 0) as laboratory_results
    from organization
    cross join coverage_month
    left join level_name on organization.organization_level = level_name.code
    left join measures_by_month
        on
            organization.organization_id = measures_by_month.organization_id
            and coverage_month.month = measures_by_month.month
    left join prescriptions_by_month
        on
            organization.organization_id = prescriptions_by_month.organization_id
            and coverage_month.month = prescriptions_by_month.month
    left join laboratory_results_by_month
        on
            organization.organization_id = laboratory_results_by_month.organization_id
            and coverage_month.month = laboratory_results_by_month.month
)

select * from service_month
