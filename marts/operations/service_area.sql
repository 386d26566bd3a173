-- Grain: one organization with a service area and covered month; figures of the organization and all
-- below it.
with

organization as (
    select * from {{ ref('organization') }}
    where boundary_ring is not null
),

organization_ancestor as (
    select * from {{ ref('organization_ancestor') }}
),

service_month as (
    select * from {{ ref('service_month') }}
),

service_area as (
    select
        organization.organization_id,
        organization.organization_name,
        organization.organization_level,
        service_month.month,
        organization.boundary_ring,
        cast(sum(service_month.outpatient_visits) as bigint) as outpatient_visits,
        cast(sum(service_month.discharges) as bigint) as discharges
    from organization
    inner join organization_ancestor
        on organization.organization_id = organization_ancestor.ancestor_id
    inner join service_month
        on organization_ancestor.organization_id = service_month.organization_id
    group by
        organization.organization_id,
        organization.organization_name,
        organization.organization_level,
        service_month.month,
        organization.boundary_ring
)

select * from service_area
