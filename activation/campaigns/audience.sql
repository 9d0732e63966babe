-- name: zones(campaign_id, contact_ids, default_zone)
-- the zones of the members, where a campaign has hours
select distinct coalesce(nullif(profile.time_zone, ''), :default_zone)
from engage.campaigns campaign
join engage.segment_members member using (segment_id)
left join profiles.contact_profiles profile using (contact_id)
where campaign.campaign_id = :campaign_id
union
select coalesce(nullif(profile.time_zone, ''), :default_zone)
from profiles.contact_profiles profile
where profile.contact_id = any(:contact_ids);

-- name: audience(campaign_id, contact_ids, token_values, unknown_counts, zones, begins, ends, default_zone, deadline_at, now)
-- everybody who is targeted, with the first reason that keeps them from getting it, in the order below
with campaign as (
    select campaign.*, template_version_id, coalesce(cap.most, 2147483647) as most, coalesce(cap.window_hours, 1) as window_hours
    from engage.campaigns campaign
    join lateral (
        select template_version_id from engage.template_versions
        where template_id = campaign.template_id
        order by version desc
        limit 1
    ) newest on true
    left join engage.frequency_caps cap on cap.channel = campaign.channel and cap.is_active
    where campaign.campaign_id = :campaign_id
),
targeted as (
    select member.contact_id from campaign join engage.segment_members member using (segment_id)
    union
    select unnest(:contact_ids::bigint[])
),
-- suppressions that hold: what is known of an address binds the address, what a person said binds both
holding as (
    select suppression.contact_id, suppression.address, suppression.reason
    from campaign
    join engage.suppressions suppression using (channel)
    where suppression.lifted_at is null
      and (suppression.expires_at is null or suppression.expires_at > :now)
      and case suppression.reason
          when 'unsubscribed_all' then campaign.message_class = 'marketing'
          when 'unsubscribed_topic' then campaign.message_class = 'marketing' and suppression.topic_id = campaign.topic_id
          else true
      end
),
suppressed_people as (
    select contact_id, min(case reason when 'unsubscribed_topic' then 'unsubscribed_topic' else 'suppressed' end) as reason
    from holding
    where reason in ('complaint', 'unsubscribed_all', 'unsubscribed_topic', 'manual', 'erased') and contact_id <> 0
    group by contact_id
),
suppressed_addresses as (
    select lower(address) as address,
        min(case reason when 'unsubscribed_topic' then 'unsubscribed_topic' else 'suppressed' end) as reason
    from holding
    where address is not null
    group by 1
),
-- the newest word of a person, on the topic or on the channel as a whole
said as (
    select distinct on (record.contact_id) record.contact_id, record.status, record.consent_record_id
    from campaign
    join engage.consent_records record using (channel)
    where campaign.message_class = 'marketing'
      and (record.topic_id is null or record.topic_id = campaign.topic_id)
    order by record.contact_id, record.occurred_at desc, record.consent_record_id desc
),
-- what counts towards the cap: what a provider took, and what is on its way or may have been taken
counted as (
    select message.contact_id
    from campaign
    join engage.campaign_messages message using (channel)
    where message.is_capped and message.sent_at > :now::timestamptz - make_interval(hours => campaign.window_hours)
    union all
    select message.contact_id
    from campaign
    cross join engage.send_batches batch
    cross join unnest(batch.message_ids) as member (message_id)
    join engage.campaign_messages message using (message_id)
    where batch.state in ('claimed', 'frozen', 'unknown') and message.state in ('claimed', 'unknown')
      and message.is_capped and message.channel = campaign.channel and message.sent_at is null
      and message.state_changed_at > :now::timestamptz - make_interval(hours => campaign.window_hours)
),
at_the_cap as (
    select counted.contact_id
    from campaign
    cross join counted
    where campaign.message_class = 'marketing' and not campaign.ignores_caps
    group by counted.contact_id, campaign.most
    having count(*) >= campaign.most
),
excluded as (
    select distinct member.contact_id
    from campaign
    join engage.segment_members member on member.segment_id = any(campaign.excluded_segment_ids)
),
hours as (
    select * from unnest(:zones::text[], :begins::text[]::timestamptz[], :ends::text[]::timestamptz[]) as span (time_zone, begins, ends)
),
known as (
    select targeted.contact_id, lower(profile.email) as address, campaign.channel, campaign.campaign_id,
        campaign.template_version_id, campaign.holdout_percent,
        hours.time_zone, coalesce(hours.begins, :now) as begins, hours.ends as hold_at,
        campaign.message_class = 'marketing' and campaign.counts_towards_caps as is_capped,
        case
            when campaign.message_class = 'transactional' then 'transactional'
            when said.status = 'subscribed' then format('record %%s', said.consent_record_id)
            when said.status is not null then null
            when profile.email_consent = 'subscribed' then 'crm opt-in: subscribed'
            when profile.email_consent = 'unknown' and :unknown_counts then 'crm: unknown, which counts here'
        end as consent,
        case
            when excluded.contact_id is not null then 'excluded_segment'
            when profile.contact_id is null or profile.email_status = 'missing' then 'no_address'
            when profile.email_status = 'invalid' then 'invalid_address'
            else coalesce(suppressed_people.reason, suppressed_addresses.reason)
        end as objection,
        at_the_cap.contact_id is not null as is_at_the_cap,
        :token_values as tokens
    from campaign
    cross join targeted
    left join profiles.contact_profiles profile using (contact_id)
    left join excluded using (contact_id)
    left join suppressed_people on suppressed_people.contact_id = targeted.contact_id
    left join suppressed_addresses on suppressed_addresses.address = lower(profile.email)
    left join said on said.contact_id = targeted.contact_id
    left join at_the_cap on at_the_cap.contact_id = targeted.contact_id
    left join hours on hours.time_zone = coalesce(nullif(profile.time_zone, ''), :default_zone)
),
permitted as (
    select *, coalesce(objection, case when consent is null then 'no_consent' end) as refused
    from known
),
judged as (
    select *,
        case
            when refused is not null then refused
            when row_number() over (partition by refused is null, address order by contact_id) > 1 then 'duplicate_address'
            when is_at_the_cap then 'frequency_cap'
            -- the same 32 bits as the random buckets of segments
            when (('x' || substr(md5('holdout ' || campaign_id || ':' || contact_id), 1, 8))::bit(32)::bigint %% 10000)
                < holdout_percent * 100 then 'holdout'
            when begins > :deadline_at then 'quiet_hours_expired'
        end as reason
    from permitted
)
select campaign_id, contact_id, channel, address, case when reason is null then 'queued' else 'skipped' end as state, reason,
    template_version_id, case when reason is null then tokens end as tokens, case when reason is null then consent end as consent,
    is_capped, case when reason is null then time_zone end as time_zone,
    case when reason is null then begins else :now end as next_attempt_at, case when reason is null then hold_at end as hold_at
from judged
order by contact_id;

-- name: insert(audience, campaign_run_id, now)
insert into engage.campaign_messages
    (campaign_run_id, campaign_id, contact_id, channel, address, state, reason, template_version_id, tokens, consent, is_capped,
     time_zone, next_attempt_at, hold_at, created_at, state_changed_at)
select :campaign_run_id, campaign_id, contact_id, channel, address, state, reason, template_version_id, tokens, consent, is_capped,
    time_zone, next_attempt_at, hold_at, :now, :now
from (:audience) as audience
order by contact_id;

-- name: rehearse(audience)
-- the same audience, in a table that is gone with the transaction
create temporary table rehearsal on commit drop as
select * from (:audience) as audience;

-- name: rules(campaign_id)
select message_class, topic_id, priority, ignores_caps, quiet_from, quiet_until, window_from, window_until, window_days,
    deadline_minutes, version.tokens
from engage.campaigns campaign
join lateral (
    select tokens from engage.template_versions
    where template_id = campaign.template_id
    order by version desc
    limit 1
) version on true
where campaign_id = :campaign_id;
