-- Grain: one physical examination of one person.
-- Written from ingestion/entities/physical_examination.yml by `make derived`; change it there.
{% set key = ['organization_id', 'examination_id'] %}
{{ fact_config('physical_examination', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('physical_examination', key, linked=true) }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(key) }} as current_at
    from versions
),

-- Of all versions of a key the latest (docs/decisions/0015-version-order.md).
latest as (
    select * from ordered
    qualify row_number() over (
        partition by
            organization_id,
            examination_id
        order by
            {{ latest_version_first() }}
    ) = 1
),

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.examination_id,
        standing.organization_id,
        standing.examination_kind_code,
        standing.examined_date,
        standing.symptom_text,
        standing.temperature_celsius,
        standing.pulse_rate,
        standing.respiration_rate,
        standing.systolic_mmhg,
        standing.diastolic_mmhg,
        standing.height_cm,
        standing.weight_kg,
        standing.waist_cm,
        standing.body_mass_index,
        standing.smoking_code,
        standing.exercise_code,
        standing.hearing_code,
        standing.motor_code,
        standing.haemoglobin_g_per_l,
        standing.leukocyte_10e9_per_l,
        standing.platelet_10e9_per_l,
        standing.urine_protein_code,
        standing.fasting_glucose_mmol_per_l,
        standing.alanine_transaminase_u_per_l,
        standing.aspartate_transaminase_u_per_l,
        standing.total_bilirubin_umol_per_l,
        standing.creatinine_umol_per_l,
        standing.urea_mmol_per_l,
        standing.cholesterol_mmol_per_l,
        standing.triglyceride_mmol_per_l,
        standing.ldl_cholesterol_mmol_per_l,
        standing.hdl_cholesterol_mmol_per_l,
        standing.is_ecg_abnormal,
        standing.is_ultrasound_abnormal,
        standing.is_abnormal,
        standing.abnormal_findings,
        standing.is_critical,
        standing.is_recheck_advised,
        standing.is_referred,
        standing.staff_id,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
