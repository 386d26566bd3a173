-- Grain: one measure, organization, month and visit. A visit is an encounter of class outpatient or
-- emergency that was not cancelled. A visit is excluded where its class is unmapped, and from the
-- costs where it has no fee, which shows how many there are.
with

encounter as (
    select * from {{ ref('encounter') }}
),

organization_period as (
    select * from {{ ref('organization_period') }}
),

visits as (
    select
        encounter.organization_id,
        {{ month_of('encounter.started_at') }} as month,
        encounter.encounter_id as record_id,
        encounter.person_id,
        encounter.total_fee_yuan,
        coalesce(encounter.is_tcm, false) as is_tcm,
        coalesce(organization_period.is_primary_care, false) as is_primary_care,
        encounter.encounter_class_code is null as is_excluded
    from encounter
    left join organization_period
        on
            encounter.organization_id = organization_period.organization_id
            and {{ day_of('encounter.started_at') }} between organization_period.valid_from
            and organization_period.valid_to
    where
        not coalesce(encounter.is_cancelled, false)
        and coalesce(encounter.encounter_class_code, '1') in ('1', '2')
),

evidence as (
    select
        'outpatient_visits' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        1 as value,
        is_excluded
    from visits
    union all
    select
        'primary_outpatient_visits' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        1 as value,
        is_excluded
    from visits
    where is_primary_care and not is_excluded
    union all
    select
        'tcm_outpatient_visits' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        1 as value,
        is_excluded
    from visits
    where is_tcm and not is_excluded
    union all
    select
        'outpatient_fee_yuan' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        coalesce(total_fee_yuan, 0) as value,
        total_fee_yuan is null as is_excluded
    from visits
    where not is_excluded
),

typed as (
    select
        measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        cast(value as decimal(18, 2)) as value,
        is_excluded
    from evidence
)

select * from typed
