-- Grain: one birth certificate.
select * from {{ ref('stg_birth') }}
