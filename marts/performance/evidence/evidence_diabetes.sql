-- Grain: one measure, organization, month-end and person's latest visit. Controlled: fasting glucose
-- below 7.0 mmol/L at that visit (same specification as the macro's).
with

diabetes_visit as (
    select * from {{ ref('diabetes_visit') }}
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
        fasting_glucose_mmol_per_l,
        person_id
    from diabetes_visit
),

{{ managed_patients('diabetes', 'visits', 'fasting_glucose_mmol_per_l < 7.0') }}

select * from typed
