-- Grain: one measure, organization, month-end and patient. Controlled: pressure at the latest visit
-- below what rule hypertension_control says on its day for the patient's age; of unknown age: as for
-- the young.
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

{% set age -%}
    coalesce({{ age_in_years('person.birth_date', 'hypertension_visit.visited_date') }}, 0)
{%- endset %}
visits as (
    select
        hypertension_visit.organization_id,
        hypertension_visit.visit_id,
        hypertension_visit.visited_date,
        hypertension_visit.visit_mode_code,
        hypertension_visit.person_id,
        hypertension_visit.systolic_mmhg
        < {{ rule_value(
            'hypertension_control', 'systolic_below', 'hypertension_visit.visited_date', age
        ) }}
        and hypertension_visit.diastolic_mmhg
        < {{ rule_value(
            'hypertension_control', 'diastolic_below', 'hypertension_visit.visited_date', age
        ) }} as is_in_bounds
    from hypertension_visit
    left join person on hypertension_visit.person_id = person.person_id
),

{{ managed_patients('hypertension', '1', 'visits', 'is_in_bounds') }}

select * from typed
