{{ config(materialized="view") }}

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
    from {{ ref("engagement_rules") }}
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
        detail ->> 'bounce' as bounce,
        nullif(detail ->> 'agent', '') as agent,
        nullif(detail ->> 'ip', '') as ip,
        detail ->> 'link' as link,
        detail ->> 'method' as method
    from {{ ref("stg_message_log__message_events") }}
),

around as (
    select
        *,
        min(occurred_at) filter (where type = 'delivered') over ({{ one_message }}) as delivered_at,
        case when type = 'clicked' then
            min(link) filter (where type = 'clicked') over nearby
            <> max(link) filter (where type = 'clicked') over nearby
        end as is_burst
    from told
    window nearby as (
        {{ one_message }} order by occurred_at
        range between
        (select make_interval(secs => burst_seconds::float) from rules) preceding
        and (select make_interval(secs => burst_seconds::float) from rules) following
    )
),

visitors as (
    select
        around.*,
        rules.*,
        bool_or(around.type = 'clicked' and (around.is_burst or around.link ~ rules.link_pattern))
            over ({{ one_message }}, ip, agent) as is_given_away
    from around
    cross join rules
),

judged as (
    select
        visitors.*,
        -- of what applies the first by rank; least() passes over nothing
        case when visitors.type in ('opened', 'clicked') then
            least(
                by_agent.rank,
                case when visitors.agent is null and visitors.ip is null then
                    case when visitors.provider ~ visitors.simulation_pattern then visitors.simulation_rank
                         when visitors.type = 'opened' then visitors.silence_rank end
                end,
                case when visitors.type = 'clicked' and visitors.link ~ visitors.link_pattern then visitors.link_rank end,
                case when visitors.method ~ visitors.method_pattern then visitors.method_rank end,
                case
                    when visitors.type = 'opened' and pg_input_is_valid(visitors.ip, 'inet')
                        then case when visitors.ip::inet <<= visitors.network_pattern::inet then visitors.network_rank end
                end,
                case
                    when visitors.occurred_at <= visitors.delivered_at + make_interval(secs => visitors.delay_seconds::float)
                        then visitors.delay_rank
                end,
                case when visitors.is_burst then visitors.burst_rank end,
                case
                    when visitors.is_given_away and visitors.ip is not null and visitors.agent is not null
                        then visitors.visitor_rank
                end,
                visitors.anything_rank
            )
        end as rank
    from visitors
    left join lateral (
        select min(rule.rank) as rank
        from {{ ref("engagement_rules") }} as rule
        where rule.looks_at = 'agent' and rule.applies_to like '%' || visitors.type || '%' and visitors.agent ~* rule.pattern
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
        judged.bounce,
        judged.agent,
        judged.link,
        verdict.verdict,
        verdict.rule_key
    from judged
    left join {{ ref("engagement_rules") }} as verdict using (rank)
)

select * from classified_message_events
