-- Grain: one measure, organization, month and front page. A stay with several operations counts once.
with

front_page as (
    select * from {{ ref('front_page') }}
),

discharged as (
    select
        organization_id,
        {{ month_of('discharged_at') }} as month,
        encounter_id as record_id,
        person_id,
        main_operation_code
    from front_page
),

evidence as (
    select
        'discharged_front_pages' as measure_id,
        organization_id,
        month,
        record_id,
        person_id
    from discharged
    union all
    select
        'surgery_front_pages' as measure_id,
        organization_id,
        month,
        record_id,
        person_id
    from discharged
    where main_operation_code is not null
),

typed as (
    select
        measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        cast(1 as decimal(18, 2)) as value,
        false as is_excluded
    from evidence
)

select * from typed
