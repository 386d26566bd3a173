-- Grain: one encounter as one feed tells it, where others tell of the same one
-- (docs/decisions/0016-encounter-resolution.md). A number that several feeds share, a number that one
-- feed has moved to another organization, or, under two numbers, one person at one organization in one
-- class within half an hour, of two feeds and each nearest to the other.
with

encounter_source as (
    select * from {{ ref('encounter_source') }}
),

feed as (
    select * from {{ source('reference', 'feed') }}
),

-- The organization where a number lay before, and where the same feed's latest version puts it.
moved_number as (
    select
        feed,
        encounter_id
    from encounter_source
    group by feed, encounter_id
    having count(*) > 1
),

moved as (
    select
        encounter_source.*,
        row_number() over (
            partition by
                encounter_source.feed,
                encounter_source.encounter_id,
                encounter_source.source_person_id,
                {{ day_of('encounter_source.started_at') }}
            order by
                encounter_source.current_at desc nulls last,
                encounter_source.arrival_batch_id desc nulls last,
                encounter_source.file_number desc nulls last,
                encounter_source.record_number desc nulls last,
                encounter_source.item_number desc nulls last
        ) as version_number,
        first_value(encounter_source.organization_id) over (
            partition by
                encounter_source.feed,
                encounter_source.encounter_id,
                encounter_source.source_person_id,
                {{ day_of('encounter_source.started_at') }}
            order by
                encounter_source.current_at desc nulls last,
                encounter_source.arrival_batch_id desc nulls last,
                encounter_source.file_number desc nulls last,
                encounter_source.record_number desc nulls last,
                encounter_source.item_number desc nulls last
        ) as last_organization_id
    from encounter_source
    inner join moved_number
        on
            encounter_source.feed = moved_number.feed
            and encounter_source.encounter_id = moved_number.encounter_id
    where encounter_source.source_person_id is not null and encounter_source.started_at is not null
),

recoded as (
    select
        organization_id,
        encounter_id,
        last_organization_id as kept_organization_id,
        encounter_id as kept_encounter_id,
        'recoded' as rule
    from moved
    where version_number > 1 and organization_id <> last_organization_id
),

-- Encounters that another feed may tell of under another number.
told_twice as (
    select organization_id from encounter_source
    group by organization_id
    having count(distinct feed) > 1
),

candidate as (
    select
        encounter_source.feed,
        encounter_source.organization_id,
        encounter_source.encounter_id,
        encounter_source.encounter_class_code,
        encounter_source.person_id,
        encounter_source.started_at,
        {{ day_of('encounter_source.started_at') }} as started_date,
        contains(coalesce(feed.leads, ''), ',encounter_id,') as is_leading
    from encounter_source
    inner join told_twice on encounter_source.organization_id = told_twice.organization_id
    left join feed on encounter_source.feed = feed.feed
    where encounter_source.person_id is not null
),

-- The one whose number is kept stands first.
pair as (
    select
        one.feed,
        one.organization_id,
        one.encounter_id,
        other.feed as other_feed,
        other.encounter_id as other_encounter_id,
        abs({{ minutes_between('one.started_at', 'other.started_at') }}) as minutes
    from candidate as one
    inner join candidate as other
        on
            one.person_id = other.person_id
            and one.organization_id = other.organization_id
            and one.encounter_class_code = other.encounter_class_code
            and one.started_date = other.started_date
            and one.encounter_id <> other.encounter_id
            and one.feed <> other.feed
    where
        (one.is_leading, other.feed) > (other.is_leading, one.feed)
        and (
            abs({{ minutes_between('one.started_at', 'other.started_at') }}) <= 30
            or one.started_at = date_trunc('day', one.started_at)
            or other.started_at = date_trunc('day', other.started_at)
        )
),

-- Not where the other feed tells of this very number as well.
open_pair as (
    select pair.* from pair
    left join encounter_source as same
        on
            pair.organization_id = same.organization_id
            and pair.encounter_id = same.encounter_id
            and pair.other_feed = same.feed
    left join encounter_source as same_other
        on
            pair.organization_id = same_other.organization_id
            and pair.other_encounter_id = same_other.encounter_id
            and pair.feed = same_other.feed
    where same.feed is null and same_other.feed is null
),

nearest as (
    select * from open_pair
    qualify
        row_number() over (
            partition by organization_id, encounter_id, feed, other_feed
            order by minutes asc, other_encounter_id asc
        ) = 1
        and row_number() over (
            partition by organization_id, other_encounter_id, other_feed, feed
            order by minutes asc, encounter_id asc
        ) = 1
),

same_time as (
    select
        organization_id,
        other_encounter_id as encounter_id,
        organization_id as kept_organization_id,
        encounter_id as kept_encounter_id,
        'same_time' as rule
    from nearest
),

absorbed as (
    select * from recoded
    union all
    select * from same_time
),

absorbed_once as (
    select * from absorbed
    qualify row_number() over (
        partition by organization_id, encounter_id
        order by rule asc, kept_organization_id asc, kept_encounter_id asc
    ) = 1
),

-- A number may be kept under one that was itself absorbed: three feeds, or moved and told twice.
resolved as (
    select
        first.organization_id,
        first.encounter_id,
        first.rule,
        coalesce(third.kept_organization_id, second.kept_organization_id, first.kept_organization_id)
            as kept_organization_id,
        coalesce(third.kept_encounter_id, second.kept_encounter_id, first.kept_encounter_id)
            as kept_encounter_id
    from absorbed_once as first
    left join absorbed_once as second
        on
            first.kept_organization_id = second.organization_id
            and first.kept_encounter_id = second.encounter_id
    left join absorbed_once as third
        on
            second.kept_organization_id = third.organization_id
            and second.kept_encounter_id = third.encounter_id
),

placed as (
    select
        encounter_source.feed,
        encounter_source.organization_id,
        encounter_source.encounter_id,
        coalesce(resolved.kept_organization_id, encounter_source.organization_id)
            as resolved_organization_id,
        coalesce(resolved.kept_encounter_id, encounter_source.encounter_id)
            as resolved_encounter_id,
        resolved.rule,
        encounter_source.current_at,
        encounter_source.arrival_batch_id,
        encounter_source.file_number,
        encounter_source.record_number,
        encounter_source.item_number
    from encounter_source
    left join resolved
        on
            encounter_source.organization_id = resolved.organization_id
            and encounter_source.encounter_id = resolved.encounter_id
),

several as (
    select
        resolved_organization_id,
        resolved_encounter_id,
        case when count(rule) > 0 then 'kept' else 'same_number' end as own_rule
    from placed
    group by resolved_organization_id, resolved_encounter_id
    having count(*) > 1
),

encounter_match as (
    select
        placed.feed,
        placed.organization_id,
        placed.encounter_id,
        placed.resolved_organization_id,
        placed.resolved_encounter_id,
        coalesce(placed.rule, several.own_rule) as rule,
        row_number() over (
            partition by placed.resolved_organization_id, placed.resolved_encounter_id
            order by
                placed.current_at desc nulls last,
                placed.arrival_batch_id desc nulls last,
                placed.file_number desc nulls last,
                placed.record_number desc nulls last,
                placed.item_number desc nulls last,
                placed.feed asc
        ) as source_number
    from placed
    inner join several
        on
            placed.resolved_organization_id = several.resolved_organization_id
            and placed.resolved_encounter_id = several.resolved_encounter_id
)

select * from encounter_match
