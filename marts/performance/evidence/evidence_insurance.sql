-- Grain: one measure, organization, month and settlement. Ordinary inpatient settlements (service
-- class 21) of people insured in the county, reversed ones left out; the organization is the county.
-- A settlement without service class or discharge time is excluded.
with

insurance_settlement as (
    select * from {{ ref('insurance_settlement') }}
),

organization as (
    select * from {{ ref('organization') }}
),

county as (
    select organization_id from organization
    where organization_level = 'county'
),

admissions as (
    select
        county.organization_id,
        {{ month_of('coalesce(insurance_settlement.discharged_at, insurance_settlement.settled_at)') }}
            as month,
        insurance_settlement.settlement_id as record_id,
        insurance_settlement.person_id,
        insurance_settlement.treatment_area_code = county.organization_id as is_in_county,
        insurance_settlement.service_class_code is null
        or insurance_settlement.discharged_at is null as is_excluded
    from insurance_settlement
    inner join county on insurance_settlement.insured_area_code = county.organization_id
    where
        not insurance_settlement.is_reversed
        and coalesce(insurance_settlement.service_class_code, '21') = '21'
),

evidence as (
    select
        'insured_admissions' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        is_excluded
    from admissions
    union all
    select
        'insured_admissions_in_county' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        is_excluded
    from admissions
    where is_in_county and not is_excluded
),

typed as (
    select
        measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        cast(1 as decimal(18, 2)) as value,
        is_excluded
    from evidence
)

select * from typed
