-- Grain: one bed and the period it is open.
select * from {{ ref('stg_bed') }}
