-- Grain: one month, from the first to the last with an encounter, gaps included. Figures are stated
-- for these months only.
with

encounter as (
    select * from {{ ref('encounter') }}
),

limits as (
    select
        min({{ month_of('started_at') }}) as first_month,
        max({{ month_of('started_at') }}) as last_month
    from encounter
),

months as (
    select
        cast({{ months_from_to('first_month', 'last_month') }} as date) as month,
        last_month
    from limits
    where first_month is not null
),

labelled as (
    select
        month,
        last_day(month) as month_end,
        month = last_month as is_latest_month
    from months
)

select * from labelled
