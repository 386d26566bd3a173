-- Grain: one measure, organization, month-end and person's latest visit. Controlled: below 140/90
-- mmHg, below 150/90 from 65 years of age on the visit day (same specification as the macro's).
with

hypertension_visit as (
    select * from {{ ref('hypertension_visit') }}
),

person as (
    select * from {{ ref('person') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

visits as (
    select
        hypertension_visit.organization_id,
        hypertension_visit.visit_id,
        hypertension_visit.visited_date,
        hypertension_visit.visit_mode_code,
        hypertension_visit.systolic_mmhg,
        hypertension_visit.diastolic_mmhg,
        hypertension_visit.person_id,
        case
            when {{ age_in_years('person.birth_date', 'hypertension_visit.visited_date') }} >= 65
                then 150
            else 140
        end as systolic_limit_mmhg
    from hypertension_visit
    left join person on hypertension_visit.person_id = person.person_id
),

{{ managed_patients(
    'hypertension', 'visits', 'systolic_mmhg < systolic_limit_mmhg and diastolic_mmhg < 90'
) }}

select * from typed
