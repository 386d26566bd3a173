-- Grain: one encounter, column and feed that tells another value than the one kept. An empty value
-- contradicts nothing.
with

encounter as (
    select * from {{ ref('encounter') }}
),

encounter_source as (
    select * from {{ ref('encounter_source') }}
),

encounter_match as (
    select * from {{ ref('encounter_match') }}
),

source_row as (
    select
        encounter_source.*,
        encounter_match.resolved_organization_id,
        encounter_match.resolved_encounter_id
    from encounter_match
    inner join encounter_source
        on
            encounter_match.feed = encounter_source.feed
            and encounter_match.organization_id = encounter_source.organization_id
            and encounter_match.encounter_id = encounter_source.encounter_id
),

told as (
    {% for column in ['encounter_class_code', 'started_at', 'ended_at', 'is_cancelled', 'is_tcm', 'discharge_mode_code', 'total_fee_yuan', 'drug_fee_yuan', 'person_id'] -%}
    select
        encounter.organization_id,
        encounter.encounter_id,
        '{{ column }}' as column_name,
        source_row.feed,
        source_row.organization_id as source_organization_id,
        source_row.encounter_id as source_encounter_id,
        cast(source_row.{{ column }} as varchar) as value_text,
        cast(encounter.{{ column }} as varchar) as kept_value_text
    from source_row
    inner join encounter
        on
            source_row.resolved_organization_id = encounter.organization_id
            and source_row.resolved_encounter_id = encounter.encounter_id
    where source_row.{{ column }} is not null
    {% if not loop.last %}union all
    {% endif %}
    {%- endfor %}
),

encounter_conflict as (
    select * from told where value_text is distinct from kept_value_text
)

select * from encounter_conflict
