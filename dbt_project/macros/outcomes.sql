{#- What became of each message: one derivation for the live view and for the table. Of all, or `among` some. -#}
{% macro message_outcomes_of(messages, runs, classified_events, among=none) %}
{%- set signs_of_arrival = "'delivered', 'opened', 'clicked', 'complained', 'unsubscribed'" %}
{%- set silent = "'" ~ var("providers_silent_about_delivery") | join("', '") ~ "'" %}

with runs as (
    select * from {{ runs }}
),

-- the campaign is its run's: by run, messages have an index, by campaign they have none
messages as (
    select
        sent.message_id,
        runs.campaign_id,
        sent.campaign_run_id,
        sent.contact_id,
        sent.state,
        sent.reason,
        sent.provider,
        sent.recipient_domain,
        sent.sent_at,
        sent.state in ('sent', 'delivered', 'bounced') as is_sent
    from {{ messages }} as sent
    inner join runs using (campaign_run_id)
    {% if among %}where sent.message_id in (select message_id from {{ among }}){% endif %}
),

-- whoever opens, clicks, complains or unsubscribes has got the mail, even when the provider's word of that was lost
happenings as (
    select
        campaign_id,
        message_id,
        min(occurred_at) filter (where type in ({{ signs_of_arrival }})) as arrived_at,
        {% for type in ["deferred", "bounced", "complained", "unsubscribed"] -%}
        min(occurred_at) filter (where type = '{{ type }}') as {{ type }}_at,
        {% endfor -%}
        min(bounce) filter (where type = 'bounced') as bounce, -- hard comes before soft
        {% for type, times in {"opened": "opens", "clicked": "clicks"}.items() -%}
        min(occurred_at) filter (where type = '{{ type }}' and verdict = 'human') as {{ type }}_at,
        min(occurred_at) filter (where type = '{{ type }}' and verdict = 'machine') as {{ type }}_machine_at,
        count(*) filter (where type = '{{ type }}' and verdict = 'human') as {{ times }},
        count(*) filter (where type = '{{ type }}' and verdict = 'machine') as {{ times }}_machine,
        {% endfor -%}
        min(occurred_at) filter (where type = 'opened' and verdict = 'unclassified') as opened_unclassified_at,
        count(*) filter (where type = 'opened' and verdict = 'unclassified') as opens_unclassified,
        count(*) as events,
        max(recorded_at) as heard_at
    from {{ classified_events }}
    group by campaign_id, message_id
),

judged as (
    select
        messages.*,
        happenings.deferred_at,
        happenings.bounced_at,
        happenings.bounce,
        happenings.complained_at,
        happenings.unsubscribed_at,
        happenings.opened_at,
        happenings.opened_machine_at,
        happenings.opened_unclassified_at,
        happenings.clicked_at,
        happenings.clicked_machine_at,
        happenings.arrived_at is null
        and messages.provider in ({{ silent }})
        and messages.sent_at < now() - interval '{{ var("assumed_delivered_after") }}' as is_silence,
        coalesce(happenings.arrived_at, messages.sent_at) as arrived_at,
        coalesce(happenings.events, 0) as events,
        happenings.heard_at,
        {% for times in ["opens", "opens_machine", "opens_unclassified", "clicks", "clicks_machine"] -%}
        coalesce(happenings.{{ times }}, 0) as {{ times }},
        {% endfor -%}
        messages.is_sent
        and happenings.bounced_at is null
        and happenings.arrived_at is not null as is_heard_of
    from messages
    left join happenings using (campaign_id, message_id)
),

arrived as (
    select
        *,
        coalesce(is_heard_of or (is_sent and bounced_at is null and is_silence), false) as is_delivered
    from judged
),

message_outcomes as (
    select
        message_id,
        campaign_id,
        campaign_run_id,
        contact_id,
        state,
        reason,
        provider,
        recipient_domain,
        events,
        heard_at,
        complained_at,
        unsubscribed_at,
        case when is_sent then sent_at end as sent_at,
        case when is_sent then deferred_at end as deferred_at,
        case when is_sent then bounced_at end as bounced_at,
        case when is_sent then bounce end as bounce,
        case when is_delivered then arrived_at end as delivered_at,
        is_delivered and not is_heard_of as is_delivery_assumed,
        -- whoever clicks has opened, even when no open was seen; least() passes over nothing
        case when is_delivered then least(opened_at, clicked_at) end as opened_at,
        is_delivered and opened_at is null and clicked_at is not null as is_open_implied,
        case when is_delivered then clicked_at end as clicked_at,
        {% for outcome in ["opened_machine", "opened_unclassified", "clicked_machine"] -%}
        case when is_delivered then {{ outcome }}_at end as {{ outcome }}_at,
        {% endfor -%}
        case when is_delivered then greatest(opens, least(clicks, 1)) else 0 end as opens,
        {% for times in ["opens_machine", "opens_unclassified", "clicks", "clicks_machine"] -%}
        case when is_delivered then {{ times }} else 0 end as {{ times }}{{ "," if not loop.last }}
        {% endfor %}
    from arrived
)

select * from message_outcomes
{% endmacro %}

{#- What a message is judged by: the statements, with their settings, and the rules. -#}
{% macro derivation_of_outcomes(rules) -%}
    {%- set statements = classified_message_events_of("e", "r", "a") ~ message_outcomes_of("m", "r", "e") -%}
    select
        md5('{{ local_md5(statements) }}' || coalesce(string_agg(rule::text, ' ' order by rule.rank), ''))::uuid
            as derived_by
    from {{ rules }} as rule
{%- endmacro %}

{#-
    The messages of built_message_outcomes that have to be judged anew, as a temporary table with statistics: a few are then
    looked up one by one, a million are read through.
-#}
{% macro find_changed_messages() -%}
    {% if is_incremental() -%}
    {%- set events = ref("stg_message_log__message_events") %}
    {%- set silent = "'" ~ var("providers_silent_about_delivery") | join("', '") ~ "'" %}
    {%- set copied = ["state", "reason", "provider", "recipient_domain"] %}
    create temporary table changed_messages on commit drop as
    with derivation as (
        {{ derivation_of_outcomes(ref("engagement_rules")) }}
    ),

    heard as (
        select
            message_id,
            count(*) as events
        from {{ events }}
        where message_id in (
            select message_id
            from {{ events }}
            where recorded_at > (
                select coalesce(max(heard_at), '-infinity') - interval '{{ var("message_overlap") }}' from {{ this }}
            )
        )
        group by message_id
    )

    select current.message_id
    from {{ ref("stg_activation__campaign_messages") }} as current
    cross join derivation
    left join {{ this }} as built using (message_id)
    left join heard using (message_id)
    where built.message_id is null
        or built.derived_by is distinct from derivation.derived_by
        or heard.events <> built.events
        or (current.{{ copied | join(", current.") }})
            is distinct from (built.{{ copied | join(", built.") }})
        or case when current.state in ('sent', 'delivered', 'bounced') then current.sent_at end
            is distinct from built.sent_at
        -- nobody told of its arrival, and now that is taken for one
        or (
            built.provider in ({{ silent }}) and built.delivered_at is null and built.bounced_at is null
            and built.sent_at < now() - interval '{{ var("assumed_delivered_after") }}'
        );
    analyze changed_messages
    {%- endif %}
{%- endmacro %}
