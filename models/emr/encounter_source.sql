-- Grain: one encounter as one feed tells it.
-- Written from ingestion/entities/encounter.yml by `make derived`; change it there.
{% set key = ['organization_id', 'encounter_id', 'feed'] %}
{{ fact_config('encounter', key) }}
with

-- All versions of the keys that this build renews: of every key in a full build.
versions as (
    {{ versions_to_build('encounter', key, linked=true) }}
),

person_link as (
    select * from {{ source('identity', 'person_link') }}
),

ordered as (
    select
        *,
        {{ current_at(key) }} as current_at
    from versions
),

-- Versions of a key, latest first (docs/decisions/0015-version-order.md), without those
-- that were taken back.
numbered as (
    select
        *,
        row_number() over (
            partition by
                organization_id,
                encounter_id,
                feed
            order by
                {{ latest_version_first() }}
        ) as version_number
    from ordered
),

counted as (
    select
        *,
        {{ versions_of(key) }} as version_count
    from numbered
    qualify version_number < {{ retracted_from(key) }}
),

-- Most keys have one version: nothing is to be gathered.
alone as (
    select
        organization_id,
        encounter_id,
        feed,
        encounter_class_code,
        started_at,
        ended_at,
        recorded_at,
        is_cancelled,
        department_code,
        department_name,
        is_tcm,
        bed_id,
        discharge_mode_code,
        total_fee_yuan,
        drug_fee_yuan,
        staff_id,
        source_person_id,
        received_at,
        current_at,
        arrival_batch_id,
        file_number,
        record_number,
        item_number,
        version_count
    from counted
    where version_count = 1
),

-- Of each column what was said last.
gathered as (
    select
        organization_id,
        encounter_id,
        feed,
        {{ last_said('encounter_class_code') }},
        {{ last_said('started_at') }},
        {{ last_said('ended_at') }},
        {{ last_said('recorded_at') }},
        {{ last_said('is_cancelled') }},
        {{ last_said('department_code') }},
        {{ last_said('department_name') }},
        {{ last_said('is_tcm') }},
        {{ last_said('bed_id') }},
        {{ last_said('discharge_mode_code') }},
        {{ last_said('total_fee_yuan') }},
        {{ last_said('drug_fee_yuan') }},
        {{ last_said('staff_id') }},
        {{ of_latest('source_person_id') }},
        {{ of_latest('received_at') }},
        {{ of_latest('current_at') }},
        {{ of_latest('arrival_batch_id') }},
        {{ of_latest('file_number') }},
        {{ of_latest('record_number') }},
        {{ of_latest('item_number') }},
        {{ of_latest('version_count') }}
    from counted
    where version_count > 1
    group by
        organization_id,
        encounter_id,
        feed
),

standing as (
    select * from alone
    union all
    select * from gathered
),

labelled as (
    select
        standing.encounter_id,
        standing.organization_id,
        standing.encounter_class_code,
        standing.started_at,
        standing.ended_at,
        standing.recorded_at,
        standing.is_cancelled,
        standing.department_code,
        standing.department_name,
        standing.is_tcm,
        standing.bed_id,
        standing.discharge_mode_code,
        standing.total_fee_yuan,
        standing.drug_fee_yuan,
        standing.staff_id,
        standing.source_person_id,
        person_link.person_id,
        standing.feed,
        standing.received_at,
        standing.current_at,
        standing.arrival_batch_id,
        standing.file_number,
        standing.record_number,
        standing.item_number,
        standing.version_count
    from standing
    left join person_link on standing.source_person_id = person_link.source_person_id
)

select * from labelled
