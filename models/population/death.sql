-- Grain: one death certificate.
select * from {{ ref('stg_death') }}
