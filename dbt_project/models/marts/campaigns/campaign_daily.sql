with sent as (
    select campaign_id, {{ local_day("sent_at") }} as day, count(*) as sent
    from {{ ref("stg_activation__campaign_messages") }}
    where state in ('sent', 'delivered', 'bounced')
    group by campaign_id, day
),

first_happenings as (
    select campaign_id, message_id, type, min(occurred_at) as occurred_at
    from {{ ref("stg_message_log__message_events") }}
    group by campaign_id, message_id, type
),

happened as (
    select
        campaign_id,
        {{ local_day("occurred_at") }} as day,
        {% for type in ["delivered", "opened", "clicked", "bounced", "unsubscribed"] -%}
        count(*) filter (where type = '{{ type }}') as {{ type }}{{ "," if not loop.last }}
        {% endfor %}
    from first_happenings
    group by campaign_id, day
),

campaign_daily as (
    select
        day,
        campaign_id,
        campaigns.campaign_name,
        coalesce(sent.sent, 0) as sent,
        {% for type in ["delivered", "opened", "clicked", "bounced", "unsubscribed"] -%}
        coalesce(happened.{{ type }}, 0) as {{ type }}{{ "," if not loop.last }}
        {% endfor %}
    from sent
    full join happened using (campaign_id, day)
    inner join {{ ref("stg_activation__campaigns") }} as campaigns using (campaign_id)
)

select * from campaign_daily
