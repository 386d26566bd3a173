-- Grain: one measure, organization, month and stay of people insured in the county; the organization
-- is the county. A stay is what was settled in a class counted as inpatient on the day of settling
-- (rule inpatient_settlement), counts once however often it was settled, by its last settlement, and
-- not at all when all its settlements were reversed. A stay without service class or discharge time
-- is excluded.
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

settled as (
    select
        county.organization_id,
        insurance_settlement.settlement_id as record_id,
        insurance_settlement.person_id,
        insurance_settlement.hospital_code,
        insurance_settlement.admitted_at,
        insurance_settlement.discharged_at,
        insurance_settlement.settled_at,
        insurance_settlement.treatment_area_code = county.organization_id as is_in_county,
        insurance_settlement.service_class_code is null as is_unclassed,
        {{ in_rule(
            'inpatient_settlement',
            'insurance_settlement.service_class_code',
            day_of('insurance_settlement.settled_at')
        ) }} as is_inpatient
    from insurance_settlement
    inner join county on insurance_settlement.insured_area_code = county.organization_id
    where not insurance_settlement.is_reversed
),

-- Without person or admission nothing tells two settlements of a stay from two stays.
admissions as (
    select
        organization_id,
        {{ month_of('coalesce(discharged_at, settled_at)') }} as month,
        record_id,
        person_id,
        is_in_county,
        is_unclassed or discharged_at is null as is_excluded
    from settled
    where is_inpatient or is_unclassed
    qualify row_number() over (
        partition by
            person_id,
            hospital_code,
            {{ day_of('admitted_at') }},
            case when person_id is null or admitted_at is null then record_id end
        order by is_unclassed asc, settled_at desc, record_id desc
    ) = 1
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
