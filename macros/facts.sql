{#
    Library facts, kept up to date key by key (docs/decisions/0006-facts-by-key.md).

    A fact holds the latest version of every key of one entity. A build takes the batches of silver
    that this table has not taken yet, and rebuilds all keys they name, all keys that a superseded
    batch named, and all keys whose person has been linked anew since. `built_batch` remembers what a
    table has taken; it is written in the table's own transaction.
#}

{# How a model is kept: `entity` is the table of silver it takes, `key` what a row stands for. #}
{% macro fact_config(entity, key) -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='by_key',
        unique_key=key,
        on_schema_change='fail',
        pre_hook="{{ note_new_batches('" ~ entity ~ "', " ~ key ~ ") }}",
        post_hook="{{ note_built_batches('" ~ entity ~ "') }}",
    ) }}
{%- endmacro %}

{#
    All versions of the keys to be built: every key in a full build. `linked`: the table has
    person_id, so a row whose person has been linked anew is built again. `also_named_by`: columns
    that name another row of the entity, in the order of the key, which is then built again, too.
#}
{% macro versions_to_build(entity, key, linked=false, also_named_by=none) -%}
    {%- set silver = source('silver', entity) -%}
    {%- if not is_incremental() -%}
    select * from {{ silver }}
    {%- else -%}
    {%- set affected -%}
    {% for path in changed_files(entity) -%}
    select {{ key | join(', ') }} from {{ parquet_file(path) }}
        union
        {% if also_named_by -%}
        select {{ also_named_by | join(', ') }} from {{ parquet_file(path) }}
        union
        {% endif -%}
        {% endfor -%}
        {%- if linked %}
        select {{ prefixed('built', key) }}
        from {{ this }} as built
        left join {{ source('identity', 'person_link') }} as link
            on built.source_person_id = link.source_person_id
        where
            built.source_person_id is not null
            and built.person_id is distinct from link.person_id
        {%- else %}
        select {{ key | join(', ') }} from {{ this }} where false
        {%- endif -%}
    {%- endset -%}
    {{ rows_with_keys(silver, affected, key) }}
    {%- endif -%}
{%- endmacro %}

{#
    Files of silver that this table has not taken yet, and those it took that were superseded since
    (their batch was conformed again): what they name is built again.
#}
{% macro changed_files(entity, superseded_only=false) -%}
    {%- set batches = source('reference', 'silver_batch') -%}
    {%- set taken -%}
    (select batch_id from built_batch where model = '{{ this.identifier }}' and is_built)
    {%- endset -%}
    {%- set query -%}
    select path from {{ batches }}
    where entity = '{{ entity }}'
        and (
            not is_live and batch_id in {{ taken }}
            {%- if not superseded_only %} or is_live and batch_id not in {{ taken }}{% endif %}
        )
    order by path
    {%- endset -%}
    {{ return(run_query(query).columns[0].values() if execute else []) }}
{%- endmacro %}

{% macro prefixed(relation, columns) -%}
    {%- for column in columns -%}{{ relation }}.{{ column }}{% if not loop.last %}, {% endif %}{%- endfor -%}
{%- endmacro %}

{#
    When a version of a key became the current one (docs/decisions/0015-version-order.md): the time
    its source says, or, where that says none, the latest time said before it in order of arrival.
#}
{% macro current_at(key) -%}
    coalesce(
            version_at,
            max(version_at) over (
                partition by {{ key | join(', ') }}
                order by
                    arrival_batch_id asc nulls first,
                    file_number asc nulls first,
                    record_number asc nulls first,
                    item_number asc nulls first
                rows between unbounded preceding and current row
            )
        )
{%- endmacro %}

{#
    The order of versions, last first; `current_at` stands beside them. Between equal times the
    source's running number decides, then arrival: batch, file of the batch, record, item.
    `ingestion/versions.py` is the same order for Polars.
#}
{% macro latest_version_first() -%}
    current_at desc nulls last,
            feed_sequence desc nulls first,
            arrival_batch_id desc nulls last,
            file_number desc nulls last,
            record_number desc nulls last,
            item_number desc nulls last
{%- endmacro %}

{# Of a key whose versions are gathered: how many there are. #}
{% macro versions_of(key) -%}
    count(*) over (partition by {{ key | join(', ') }})
{%- endmacro %}

{# The number of its latest version that takes back what was said; above all where there is none. #}
{% macro retracted_from(key) -%}
    coalesce(
            min(case when is_retracted then version_number end)
                over (partition by {{ key | join(', ') }}),
            9223372036854775807
        )
{%- endmacro %}

{# Of the versions of a key: a column as the latest version says it that speaks of it. #}
{% macro last_said(column) -%}
    {{ value_at_first(column, 'version_number') }}
            filter (where stated is null or contains(stated, ',{{ column }},')) as {{ column }}
{%- endmacro %}

{# Of the versions of a key: a column of the latest version that has it. #}
{% macro of_latest(column) -%}
    min_by({{ column }}, version_number) filter (where {{ column }} is not null) as {{ column }}
{%- endmacro %}

{# Of several feeds' rows of one thing: a column of the feed that leads for it, else of the latest. #}
{% macro of_leading(column) -%}
    min_by(
            {{ column }},
            case when contains(leads, ',{{ column }},') then source_number - 1000000 else source_number end
        ) filter (where {{ column }} is not null) as {{ column }}
{%- endmacro %}

{# dbt's incremental strategy `by_key`: the keys built now leave the table and come back. #}
{% macro get_incremental_by_key_sql(arguments) -%}
    {{ delete_keys(arguments.target_relation, 'select * from ' ~ arguments.temp_relation, arguments.unique_key) }};
    insert into {{ arguments.target_relation }} ({{ get_quoted_csv(arguments.dest_columns | map(attribute='name')) }})
    select {{ get_quoted_csv(arguments.dest_columns | map(attribute='name')) }}
    from {{ arguments.temp_relation }}
{%- endmacro %}

{# Before any fact is built: the table that remembers the batches exists. #}
{% macro create_built_batch() -%}
    create table if not exists built_batch (model varchar, batch_id varchar, is_built boolean)
{%- endmacro %}

{#
    First of all: what this build takes. `silver_batch` was written before the build began, so a
    batch that comes while the model runs is left for the next one. Keys that a superseded batch
    named, or that a new one takes back, leave the table; those that silver still knows come back
    with the new rows.
#}
{% macro note_new_batches(entity, key) -%}
    {%- set batches = source('reference', 'silver_batch') -%}
    {% if is_incremental() -%}
    {% for path in changed_files(entity, superseded_only=true) -%}
    {{ delete_keys(this, 'select distinct ' ~ key | join(', ') ~ ' from ' ~ parquet_file(path), key) }};
    {% endfor -%}
    {% for path in changed_files(entity) -%}
    {{ delete_keys(this, taken_back(path, key), key) }};
    {% endfor -%}
    {%- endif %}
    delete from built_batch
    where model = '{{ this.identifier }}' {% if is_incremental() %}and not is_built{% endif %};
    insert into built_batch
    select '{{ this.identifier }}', batch_id, false
    from {{ batches }}
    where entity = '{{ entity }}' and is_live and batch_id not in (
        select batch_id from built_batch where model = '{{ this.identifier }}'
    )
{%- endmacro %}

{% macro taken_back(path, key) -%}
    select distinct {{ key | join(', ') }} from {{ parquet_file(path) }} where is_retracted
{%- endmacro %}

{# Last of all, in the table's own transaction: taken, and what was superseded is forgotten. #}
{% macro note_built_batches(entity) -%}
    delete from built_batch
    where model = '{{ this.identifier }}' and batch_id not in (
        select batch_id from {{ source('reference', 'silver_batch') }}
        where entity = '{{ entity }}' and is_live
    );
    update built_batch set is_built = true
    where model = '{{ this.identifier }}' and not is_built
{%- endmacro %}

{#
    dbt asks this of every incremental model: whether to build it anew. The build plan
    (`pipelines/build_plan.py`) names the models, by environment because it differs from run to run.
#}
{% macro should_full_refresh() -%}
    {{ return(flags.FULL_REFRESH or this.identifier in env_var('YIGONG_BUILD_ANEW', '').split(' ')) }}
{%- endmacro %}
