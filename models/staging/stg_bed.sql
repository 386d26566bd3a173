-- One bed and the period it is open: the latest version received.
with

bed as (
    select * from {{ source('silver', 'bed') }}
),

latest as (
    {{ latest_version('bed', ['organization_id', 'bed_id', 'opened_date']) }}
),

labelled as (
    select
        latest.bed_id,
        latest.organization_id,
        latest.ward_name,
        latest.opened_date,
        latest.closed_date,
        latest.feed,
        latest.received_at
    from latest
)

select * from labelled
