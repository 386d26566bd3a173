-- Grain: one organization, month-end and disease: patients in management as of the
-- month-end. Own figures.
with

measure_month as (
    select * from {{ ref('measure_month') }}
),

organization as (
    select * from {{ ref('organization') }}
),

diseases as (
    select
        'hypertension' as disease,
        '高血压' as disease_name
    union all
    select
        'diabetes' as disease,
        '2型糖尿病' as disease_name
),

chronic_month as (
    select
        measure_month.organization_id,
        organization.organization_name,
        measure_month.month,
        diseases.disease_name,
        {% for role in ['registered', 'visited', 'on_schedule', 'standard', 'controlled'] %}
        cast(coalesce(sum(measure_month.value) filter (
            where measure_month.measure_id = diseases.disease || '_{{ role }}'
        ), 0) as bigint) as {{ role }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from measure_month
    inner join diseases
        on starts_with(measure_month.measure_id, diseases.disease || '_')
    left join organization on measure_month.organization_id = organization.organization_id
    group by
        measure_month.organization_id,
        organization.organization_name,
        measure_month.month,
        diseases.disease_name
)

select * from chronic_month
