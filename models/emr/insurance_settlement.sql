-- Grain: one settlement. A reversal is sent as a later row with the same settlement_id: the settlement
-- keeps its own facts, and is_reversed is true when any version of it is a reversal.
{% set key = ['settlement_id'] %}
{{ fact_config('insurance_settlement', key) }}
with

versions as (
    {{ versions_to_build('insurance_settlement', key, linked=true) }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

reversed_settlement as (
    select distinct settlement_id
    from versions
    where is_reversed
),

settled as (
    select * from versions
    where not coalesce(is_reversed, false)
),

reversal_only as (
    select * from versions
    where
        is_reversed
        and settlement_id not in (select settled.settlement_id from settled)
),

candidates as (
    select * from settled
    union all
    select * from reversal_only
),

ordered as (
    select
        *,
        {{ current_at(key) }} as current_at
    from candidates
),

latest as (
    select * from ordered
    qualify row_number() over (
        partition by settlement_id order by {{ latest_version_first() }}
    ) = 1
),

labelled as (
    select
        latest.settlement_id,
        latest.organization_id,
        latest.hospital_code,
        latest.hospital_name,
        latest.service_class_code,
        latest.insurance_type_code,
        latest.insured_area_code,
        latest.treatment_area_code,
        latest.admitted_at,
        latest.discharged_at,
        latest.settled_at,
        latest.main_diagnosis_code,
        latest.total_fee_yuan,
        latest.fund_paid_yuan,
        reversed_settlement.settlement_id is not null as is_reversed,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
    left join reversed_settlement on latest.settlement_id = reversed_settlement.settlement_id
)

select * from labelled
