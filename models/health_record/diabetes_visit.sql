-- Grain: one follow-up visit of one patient.
select * from {{ ref('stg_diabetes_visit') }}
