-- Grain: one employment of one staff member.
select * from {{ ref('stg_staff') }}
