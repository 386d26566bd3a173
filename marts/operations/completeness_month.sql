-- Grain: one organization and covered month: rows received and rows due of the tables that indicators
-- require. Own figures, not rolled up.
with

feed_completeness_month as (
    select * from {{ ref('feed_completeness_month') }}
),

required as (
    select distinct entity from {{ source('reference', 'indicator_requirement') }}
),

entity as (
    select * from {{ source('reference', 'entity') }}
    where not is_register
),

organization as (
    select * from {{ ref('organization') }}
    where organization_level not in ('county', 'consortium')
),

coverage_month as (
    select * from {{ ref('coverage_month') }}
),

completeness_month as (
    select
        feed_completeness_month.organization_id,
        organization.organization_name,
        feed_completeness_month.month,
        coverage_month.as_of_date as as_of,
        cast(sum(feed_completeness_month.received_rows) as bigint) as received_rows,
        round(
            sum(feed_completeness_month.received_rows + feed_completeness_month.lacking_rows), 1
        ) as due_rows,
        cast(max(feed_completeness_month.lacking_days) as bigint) as lacking_days
    from feed_completeness_month
    inner join required on feed_completeness_month.entity = required.entity
    inner join entity on feed_completeness_month.entity = entity.entity
    inner join organization
        on feed_completeness_month.organization_id = organization.organization_id
    inner join coverage_month on feed_completeness_month.month = coverage_month.month
    where feed_completeness_month.state <> 'not_due'
    group by
        feed_completeness_month.organization_id,
        organization.organization_name,
        feed_completeness_month.month,
        coverage_month.as_of_date
)

select * from completeness_month
