-- One drug line of one prescription: the latest version received.
with

prescription as (
    select * from {{ source('silver', 'prescription') }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

latest as (
    {{ latest_version('prescription', ['organization_id', 'prescription_id', 'item_number_text']) }}
),

labelled as (
    select
        latest.prescription_id,
        latest.organization_id,
        latest.encounter_id,
        latest.item_number_text,
        latest.drug_code,
        latest.drug_name,
        latest.specification,
        latest.dose_text,
        latest.frequency_text,
        latest.quantity,
        latest.amount_yuan,
        latest.is_tcm,
        latest.is_essential,
        latest.is_antibacterial,
        latest.prescribed_at,
        latest.staff_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
