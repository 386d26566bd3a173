-- Grain: one organization and validity period.
select * from {{ ref('stg_organization') }}
