{{ config(materialized="view") }}

{%- set signs_of_arrival = "'delivered', 'opened', 'clicked', 'complained', 'unsubscribed'" %}

with messages as (
    select * from {{ ref("stg_activation__campaign_messages") }}
),

-- whoever opens, clicks, complains or unsubscribes has got the mail, and whoever clicks has opened it,
-- even when the provider's word of that was lost
happenings as (
    select
        campaign_id,
        message_id,
        min(occurred_at) filter (where type in ({{ signs_of_arrival }})) as arrived_at,
        min(occurred_at) filter (where type in ('opened', 'clicked')) as opened_at,
        {% for type in ["clicked", "bounced", "complained", "unsubscribed"] -%}
        min(occurred_at) filter (where type = '{{ type }}') as {{ type }}_at,
        {% endfor -%}
        count(*) filter (where type = 'opened') as opens,
        count(*) filter (where type = 'clicked') as clicks
    from {{ ref("stg_message_log__message_events") }}
    group by campaign_id, message_id
),

judged as (
    select
        messages.*,
        happenings.arrived_at,
        happenings.opened_at,
        happenings.clicked_at,
        happenings.bounced_at,
        happenings.complained_at,
        happenings.unsubscribed_at,
        happenings.opens,
        happenings.clicks,
        messages.state in ('sent', 'delivered', 'bounced') as is_sent,
        messages.state in ('sent', 'delivered', 'bounced')
        and happenings.bounced_at is null
        and happenings.arrived_at is not null as is_delivered
    from messages
    left join happenings using (campaign_id, message_id)
),

message_outcomes as (
    select
        message_id,
        campaign_id,
        campaign_run_id,
        contact_id,
        state,
        reason,
        complained_at,
        unsubscribed_at,
        case when is_sent then sent_at end as sent_at,
        case when is_sent then bounced_at end as bounced_at,
        case when is_delivered then arrived_at end as delivered_at,
        case when is_delivered then opened_at end as opened_at,
        case when is_delivered then clicked_at end as clicked_at,
        case when is_delivered then greatest(opens, least(clicks, 1)) else 0 end as opens,
        case when is_delivered then clicks else 0 end as clicks
    from judged
)

select * from message_outcomes
