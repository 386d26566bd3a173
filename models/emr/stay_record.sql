-- Grain: one record of an inpatient stay, in whatever table, and the stay it belongs to
-- (docs/decisions/0016-encounter-resolution.md): by organization and number where they share one, else by person,
-- organization and day of discharge. A front page or group without an encounter is a stay of its own; a
-- settlement without one is not listed.
with

encounter as (
    select * from {{ ref('encounter') }}
),

encounter_match as (
    select * from {{ ref('encounter_match') }}
),

front_page as (
    select * from {{ ref('front_page') }}
),

drg_case as (
    select * from {{ ref('drg_case') }}
),

insurance_settlement as (
    select * from {{ ref('insurance_settlement') }}
),

stay as (
    select
        organization_id,
        encounter_id,
        person_id,
        started_at,
        {{ day_of('ended_at') }} as ended_date
    from encounter
    where encounter_class_code = '3'
),

record as (
    select
        'front_page' as record_table,
        organization_id,
        encounter_id as record_id,
        encounter_id as number_text,
        person_id,
        {{ day_of('discharged_at') }} as ended_date
    from front_page
    union all
    select
        'drg_case' as record_table,
        organization_id,
        encounter_id as record_id,
        encounter_id as number_text,
        person_id,
        {{ day_of('discharged_at') }} as ended_date
    from drg_case
    union all
    select
        'insurance_settlement' as record_table,
        hospital_code as organization_id,
        settlement_id as record_id,
        cast(null as varchar) as number_text,
        person_id,
        {{ day_of('discharged_at') }} as ended_date
    from insurance_settlement
),

-- The number that is kept where several feeds tell of the encounter.
numbered as (
    select
        record.*,
        coalesce(match.resolved_organization_id, record.organization_id) as stay_organization_id,
        coalesce(match.resolved_encounter_id, record.number_text) as stay_number
    from record
    left join (
        select distinct
            organization_id,
            encounter_id,
            resolved_organization_id,
            resolved_encounter_id
        from encounter_match
    ) as match
        on
            record.organization_id = match.organization_id
            and record.number_text = match.encounter_id
),

placed as (
    select
        numbered.record_table,
        numbered.organization_id as record_organization_id,
        numbered.record_id,
        coalesce(by_number.organization_id, by_discharge.organization_id) as organization_id,
        coalesce(by_number.encounter_id, by_discharge.encounter_id) as encounter_id,
        case
            when by_number.encounter_id is not null then 'same_number'
            when by_discharge.encounter_id is not null then 'same_discharge'
            else 'alone'
        end as rule,
        by_discharge.started_at
    from numbered
    left join stay as by_number
        on
            numbered.stay_organization_id = by_number.organization_id
            and numbered.stay_number = by_number.encounter_id
    left join stay as by_discharge
        on
            by_number.encounter_id is null
            and numbered.person_id = by_discharge.person_id
            and numbered.organization_id = by_discharge.organization_id
            and numbered.ended_date = by_discharge.ended_date
),

placed_once as (
    select * from placed
    qualify row_number() over (
        partition by record_table, record_organization_id, record_id
        order by started_at desc nulls last, encounter_id asc
    ) = 1
),

stay_record as (
    select
        coalesce(organization_id, record_organization_id) as organization_id,
        coalesce(encounter_id, record_id) as encounter_id,
        record_table,
        record_organization_id,
        record_id,
        rule
    from placed_once
    where rule <> 'alone' or record_table <> 'insurance_settlement'
    union all
    select
        organization_id,
        encounter_id,
        'encounter' as record_table,
        organization_id as record_organization_id,
        encounter_id as record_id,
        'same_number' as rule
    from stay
)

select * from stay_record
