-- Grain: one organization, covered month and ICD-10 chapter. A diagnosis code counts once an
-- encounter, however many messages and documents repeat it. Codes outside ICD-10 are 其他或未分类.
with

diagnosis as (
    select * from {{ ref('diagnosis') }}
),

encounter as (
    select * from {{ ref('encounter') }}
),

organization as (
    select * from {{ ref('organization') }}
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

chapter as (
    select
        split_part(code, '-', 1) as first_category,
        split_part(code, '-', 2) as last_category,
        name
    from {{ source('reference', 'code') }}
    where code_system = 'icd10_chapter'
),

diagnosed as (
    select
        diagnosis.organization_id,
        diagnosis.encounter_id,
        coalesce(diagnosis.diagnosis_code, diagnosis.diagnosis_name) as diagnosis_key,
        upper(substr(max(diagnosis.diagnosis_code), 1, 3)) as category,
        min({{ month_of('coalesce(encounter.started_at, diagnosis.diagnosed_at)') }}) as month
    from diagnosis
    left join encounter
        on
            diagnosis.organization_id = encounter.organization_id
            and diagnosis.encounter_id = encounter.encounter_id
    where not coalesce(encounter.is_cancelled, false)
    group by
        diagnosis.organization_id,
        diagnosis.encounter_id,
        coalesce(diagnosis.diagnosis_code, diagnosis.diagnosis_name)
),

disease_month as (
    select
        diagnosed.organization_id,
        organization.organization_name,
        diagnosed.month,
        coalesce(chapter.name, '其他或未分类') as diagnosis_chapter,
        count(*) as diagnosis_count
    from diagnosed
    inner join coverage_month on diagnosed.month = coverage_month.month
    left join organization on diagnosed.organization_id = organization.organization_id
    left join chapter
        on diagnosed.category between chapter.first_category and chapter.last_category
    group by all
)

select * from disease_month
