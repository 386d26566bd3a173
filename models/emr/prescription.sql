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

standing as (
    select * from latest where is_retracted is not true
),

labelled as (
    select
        standing.prescription_id,
        standing.organization_id,
        standing.encounter_id,
        standing.item_number_text,
        standing.drug_code,
        standing.drug_name,
        standing.specification,
        standing.dose_text,
        standing.frequency_text,
        standing.quantity,
        standing.amount_yuan,
        standing.is_tcm,
        standing.is_essential,
        standing.is_antibacterial,
        standing.prescribed_at,
        standing.staff_id,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
