-- Grain: one drug line of one prescription.
-- Written from ingestion/entities/prescription.yml by `make derived`; change it there.
{% set key = ['organization_id', 'prescription_id', 'item_number_text'] %}
{{ fact_config('prescription', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('prescription', key, linked=true) }}
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
            prescription_id,
            item_number_text
        order by
            {{ latest_version_first() }}
    ) = 1
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
        latest.source_person_id,
        person_link.person_id,
        latest.feed,
        latest.received_at
    from latest
    left join person_link on latest.source_person_id = person_link.source_person_id
)

select * from labelled
