-- Grain: one discharged stay.
select * from {{ ref('stg_front_page') }}
