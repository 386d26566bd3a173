-- Grain: one organization, as its latest validity period describes it.
with

organization_validity as (
    select * from {{ ref('organization_validity') }}
),

current_organization as (
    select * from organization_validity
    qualify row_number() over (partition by organization_id order by valid_from desc) = 1
)

select * from current_organization
