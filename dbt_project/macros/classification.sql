{#- Every event with what it tells; of opens and clicks who was at work. Of all messages, or `among` those of a relation. -#}
{% macro classified_message_events_of(events, rules, seen_agents, among=none) %}
{%- set concerned = " and message_id in (select message_id from " ~ among ~ ")" if among else "" %}
{#- what one rule each looks at; of agents there are many -#}
{%- set single = ["simulation", "link", "method", "network", "delay", "burst", "visitor", "silence", "anything"] %}
{%- set one_message = "partition by campaign_id, message_id" %}

-- each step is read once and windows are per message, so that whoever asks for one campaign reads no other's events
with rules as (
    select
        {% for what in single -%}
        max(rank) filter (where looks_at = '{{ what }}') as {{ what }}_rank,
        max(pattern) filter (where looks_at = '{{ what }}') as {{ what }}_pattern,
        max(seconds) filter (where looks_at = '{{ what }}') as {{ what }}_seconds{{ "," if not loop.last }}
        {% endfor %}
    from {{ rules }}
),

told as (
    select
        message_event_id,
        message_id,
        campaign_id,
        contact_id,
        type,
        provider,
        occurred_at,
        recorded_at,
        nullif(detail ->> 'agent', '') as agent,
        nullif(detail ->> 'ip', '') as ip,
        detail ->> 'link' as link,
        detail ->> 'method' as method
    from {{ events }}
    where type in ('opened', 'clicked') {{- concerned }}
),

deliveries as (
    select
        campaign_id,
        message_id,
        min(occurred_at) as delivered_at
    from {{ events }}
    where type = 'delivered' {{- concerned }}
    group by campaign_id, message_id
),

around as (
    select
        told.*,
        deliveries.delivered_at,
        told.type = 'clicked' and exists (
            select
            from {{ events }} as other
            where other.campaign_id = told.campaign_id and other.message_id = told.message_id and other.type = 'clicked'
                and other.detail ->> 'link' <> told.link
                and abs(extract(epoch from other.occurred_at - told.occurred_at)) <= rules.burst_seconds
        ) as is_burst
    from told
    cross join rules
    left join deliveries using (campaign_id, message_id)
),

visitors as (
    select
        *,
        bool_or(type = 'clicked' and (is_burst or link ~ (select link_pattern from rules)))
            over ({{ one_message }}, ip, agent) as is_given_away
    from around
),

judged as (
    select
        visitors.*,
        -- of what applies the first by rank; least() passes over nothing
        least(
            case visitors.type when 'opened' then seen.opened_rank else seen.clicked_rank end,
            by_agent.rank,
            case when visitors.agent is null and visitors.ip is null then
                case when visitors.provider ~ rules.simulation_pattern then rules.simulation_rank
                     when visitors.type = 'opened' then rules.silence_rank end
            end,
            case when visitors.type = 'clicked' and visitors.link ~ rules.link_pattern then rules.link_rank end,
            case when visitors.method ~ rules.method_pattern then rules.method_rank end,
            case
                when visitors.type = 'opened' and pg_input_is_valid(visitors.ip, 'inet')
                    then case when network_subeq(visitors.ip::inet, rules.network_pattern::inet) then rules.network_rank end
            end,
            case
                when visitors.occurred_at <= visitors.delivered_at + make_interval(secs => rules.delay_seconds::float)
                    then rules.delay_rank
            end,
            case when visitors.is_burst then rules.burst_rank end,
            case
                when visitors.is_given_away and visitors.ip is not null and visitors.agent is not null
                    then rules.visitor_rank
            end,
            rules.anything_rank
        ) as rank
    from visitors
    cross join rules
    left join {{ seen_agents }} as seen using (agent)
    -- of agents that came after the last build
    left join lateral (
        select min(rule.rank) as rank
        from {{ rules }} as rule
        where seen.agent is null and visitors.agent is not null
            and rule.looks_at = 'agent' and rule.applies_to like '%' || visitors.type || '%'
            and visitors.agent ~* rule.pattern
    ) as by_agent on true
),

classified_message_events as (
    select
        judged.message_event_id,
        judged.message_id,
        judged.campaign_id,
        judged.contact_id,
        judged.type,
        judged.provider,
        judged.occurred_at,
        judged.recorded_at,
        null::text as bounce,
        judged.agent,
        judged.link,
        verdict.verdict,
        verdict.rule_key
    from judged
    left join {{ rules }} as verdict using (rank)
    union all
    select
        message_event_id,
        message_id,
        campaign_id,
        contact_id,
        type,
        provider,
        occurred_at,
        recorded_at,
        detail ->> 'bounce' as bounce,
        null::text as agent,
        null::text as link,
        null::text as verdict,
        null::text as rule_key
    from {{ events }}
    where type not in ('opened', 'clicked') {{- concerned }}
)

select * from classified_message_events
{% endmacro %}
