-- Grain: one health record archive.
select * from {{ ref('stg_health_archive') }}
