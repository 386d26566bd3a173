-- Grain: one settlement, or a reversal under a number of its own. A settlement is reversed when a version
-- of it is a reversal, or when a reversal under its own number names it; it keeps its own facts.
{% set key = ['settlement_id'] %}
{{ fact_config('insurance_settlement', key) }}
with

all_versions as (
    {{ versions_to_build(
        'insurance_settlement', key, linked=true, also_named_by=['reversed_settlement_id']
    ) }}
),

versions as (
    select * from all_versions where is_retracted is not true
),

named as (
    select reversed_settlement_id as settlement_id
    from {{ source('silver', 'insurance_settlement') }}
    where is_reversed and is_retracted is not true
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

reversed_settlement as (
    select settlement_id from versions where is_reversed
    union
    select versions.settlement_id
    from versions
    inner join named on versions.settlement_id = named.settlement_id
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
        latest.reversed_settlement_id,
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
    left join reversed_settlement on latest.settlement_id = reversed_settlement.settlement_id
)

select * from labelled
