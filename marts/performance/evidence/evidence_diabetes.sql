-- Grain: one measure, organization, month-end and patient. Controlled: fasting glucose at the latest
-- visit below what rule diabetes_control says on its day.
with

diabetes_visit as (
    select * from {{ ref('diabetes_visit') }}
),

person as (
    select * from {{ ref('person') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

visits as (
    select
        organization_id,
        visit_id,
        visited_date,
        visit_mode_code,
        person_id,
        fasting_glucose_mmol_per_l,
        fasting_glucose_mmol_per_l
        < {{ rule_value('diabetes_control', 'fasting_glucose_below', 'visited_date') }}
            as is_in_bounds
    from diabetes_visit
),

{{ managed_patients(
    'diabetes', '2', 'visits', 'is_in_bounds', 'fasting_glucose_mmol_per_l is not null'
) }}

select * from typed
