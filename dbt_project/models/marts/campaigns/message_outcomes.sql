{{ config(materialized="view") }}

{%- set signs_of_arrival = "'delivered', 'opened', 'clicked', 'complained', 'unsubscribed'" %}
{%- set silent = "'" ~ var("providers_silent_about_delivery") | join("', '") ~ "'" %}

with runs as (
    select * from {{ ref("stg_activation__campaign_runs") }}
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
    from {{ ref("stg_activation__campaign_messages") }} as sent
    inner join runs using (campaign_run_id)
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
        count(*) filter (where type = 'opened' and verdict = 'unclassified') as opens_unclassified
    from {{ ref("classified_message_events") }}
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
