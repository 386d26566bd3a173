-- Grain: one reference of an entity and one feed that fills it: how far its values name rows that
-- are there. Counted over the current rows of silver by pipelines/key_meetings.py.
with

key_meeting as (
    select * from {{ source('reference', 'key_meeting') }}
),

measured as (
    select
        feed,
        member_id,
        entity,
        entity_name,
        column_name,
        column_label,
        target,
        target_name,
        row_count,
        filled_count,
        met_count,
        filled_share,
        met_share,
        expected_share,
        expected_filled_share,
        severity,
        state,
        state_name
    from key_meeting
)

select * from measured
