-- Grain: one household of the population register. The head is the member registered as such
-- (GB/T 4761: 0, 01 or 02); members who moved out do not count.
with

resident as (
    select * from {{ ref('stg_resident') }}
),

household as (
    select
        household_id,
        min(organization_id) as organization_id,
        min(person_id) filter (
            where household_relation_code in ('0', '01', '02')
        ) as head_person_id,
        count(*) filter (where moved_out_date is null) as member_count
    from resident
    group by household_id
)

select * from household
