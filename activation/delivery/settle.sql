-- name: record_results(batch_ids, lease_epochs, message_batches, message_ids, provider_message_ids, refusals, now)
-- a provider's word on every message of some batches: its id, or why it will never take that one
with done as (
    update engage.send_batches batch
    set state = 'accepted', body = null, finished_at = :now, lease_until = null, problem = null
    from unnest(:batch_ids::bigint[], :lease_epochs::int[]) as held (batch_id, lease_epoch)
    where batch.batch_id = held.batch_id and batch.lease_epoch = held.lease_epoch and batch.state = 'frozen'
    returning batch.batch_id
),
answered as (
    select done.batch_id, told.message_id::bigint, told.provider_message_id, told.refusal
    from rows from (
        json_array_elements_text(:message_batches), json_array_elements_text(:message_ids),
        json_array_elements_text(:provider_message_ids), json_array_elements_text(:refusals)
    ) as told (batch_id, message_id, provider_message_id, refusal)
    join done on done.batch_id = told.batch_id::bigint
)
update engage.campaign_messages message
set state = case when answered.refusal is null then 'sent' else 'failed' end,
    provider_message_id = answered.provider_message_id,
    sent_at = case when answered.refusal is null then :now::timestamptz end,
    reason = case when answered.refusal is not null then 'refused by the provider' end,
    reason_detail = answered.refusal, state_changed_at = :now
from answered
where message.message_id = answered.message_id and message.batch_id = answered.batch_id and message.state = 'claimed';

-- name: postpone(batch_id, lease_epoch, next_attempt_at, attempts, problem)
-- the batch keeps its members, bytes and key; nobody holds it until its time comes
update engage.send_batches
set next_attempt_at = :next_attempt_at, problem = :problem, lease_owner = null, lease_until = null, attempts = :attempts,
    first_attempt_at = case when :attempts > 0 then first_attempt_at end
where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen';

-- name: unspend(batch_id, lease_epoch, messages)
-- what was certainly not processed does not count towards the provider's day. Before the run is locked, as a claim does it
update engage.send_quotas quota
set used_today = greatest(0, used_today - :messages)
from engage.send_batches batch
where batch.batch_id = :batch_id and batch.lease_epoch = :lease_epoch and batch.state in ('claimed', 'frozen')
  and quota.quota = 'provider/' || batch.provider and quota.daily_limit is not null
  and quota.day = (batch.created_at at time zone 'UTC')::date;

-- name: release(batch_id, lease_epoch, problem, next_attempt_at, now)
-- nothing of it was processed: its rows may leave in other batches, under other keys, through another provider; where the
-- campaign was cancelled meanwhile, they do not leave any more
with released as (
    update engage.send_batches
    set state = 'released', body = null, finished_at = :now, lease_until = null, problem = :problem
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state in ('claimed', 'frozen')
    returning batch_id, message_ids
)
update engage.campaign_messages message
set state = case when run.state = 'cancelled' then 'cancelled' else 'queued' end,
    reason = case when run.state = 'cancelled' then 'campaign cancelled' end, batch_id = null,
    next_attempt_at = :next_attempt_at, state_changed_at = :now
from released
cross join (
    select state from engage.campaign_runs
    where campaign_run_id = (select campaign_run_id from engage.send_batches where batch_id = :batch_id)
    for share
) as run
where message.message_id = any(released.message_ids) and message.batch_id = released.batch_id and message.state = 'claimed';

-- name: put_back(batch_id, lease_epoch, message_ids, next_attempt_ats, now)
-- the provider took others of the batch and left these, for a reason that is not theirs: they may leave in other batches
update engage.campaign_messages message
set state = case when run.state = 'cancelled' then 'cancelled' else 'queued' end,
    reason = case when run.state = 'cancelled' then 'campaign cancelled' end, batch_id = null,
    next_attempt_at = left_out.next_attempt_at, state_changed_at = :now
from engage.send_batches batch
cross join unnest(:message_ids::bigint[], :next_attempt_ats::timestamptz[]) as left_out (message_id, next_attempt_at)
cross join (
    select state from engage.campaign_runs
    where campaign_run_id = (select campaign_run_id from engage.send_batches where batch_id = :batch_id)
    for share
) as run
where batch.batch_id = :batch_id and batch.lease_epoch = :lease_epoch and batch.state = 'frozen'
  and message.message_id = left_out.message_id and message.batch_id = batch.batch_id and message.state = 'claimed';

-- name: refuse_one(batch_id, lease_epoch, position, words, now)
update engage.campaign_messages message
set state = 'failed', reason = 'refused by the provider', reason_detail = :words, batch_id = null, state_changed_at = :now
from engage.send_batches batch
where batch.batch_id = :batch_id and batch.lease_epoch = :lease_epoch and batch.state = 'frozen'
  and message.message_id = batch.message_ids[:position + 1] and message.batch_id = batch.batch_id and message.state = 'claimed';

-- name: split(batch_id, lease_epoch, workspace, words, owner, lease_until, now)
-- refused whole, and nobody knows for which mail: two halves, to be made anew under new keys
with parent as (
    update engage.send_batches
    set state = 'refused', body = null, finished_at = :now, lease_until = null, problem = :words
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
    returning batch_id, campaign_run_id, provider, message_ids, size / 2 as half
),
counter as (
    update engage.campaign_runs run
    set last_batch_number = last_batch_number + 2
    from parent
    where run.campaign_run_id = parent.campaign_run_id
    returning run.campaign_run_id, last_batch_number - 2 as before
),
halves as (
    insert into engage.send_batches
        (campaign_run_id, batch_number, provider, idempotency_key, state, size, message_ids, lease_owner, lease_until,
         next_attempt_at, created_at)
    select parent.campaign_run_id, counter.before + half.number, parent.provider,
        format('%%s/%%s/%%s', :workspace::text, parent.campaign_run_id, counter.before + half.number), 'claimed',
        cardinality(half.message_ids), half.message_ids, :owner, :lease_until, :now, :now
    from parent
    cross join counter
    cross join lateral (
        values (1, parent.message_ids[: parent.half]), (2, parent.message_ids[parent.half + 1 :])
    ) as half (number, message_ids)
    returning batch_id, idempotency_key, message_ids
)
update engage.campaign_messages message
set batch_id = halves.batch_id
from halves
where message.message_id = any(halves.message_ids) and message.state = 'claimed'
returning halves.batch_id, halves.idempotency_key, message.message_id, message.address, message.template_version_id, message.tokens;

-- name: park(batch_id, lease_epoch, state, reason, words, now)
with parked as (
    update engage.send_batches
    set state = :state, finished_at = :now, lease_until = null, problem = :words
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
    returning batch_id, message_ids
)
update engage.campaign_messages message
set state = :state, reason = :reason, reason_detail = :words, state_changed_at = :now
from parked
where message.message_id = any(parked.message_ids) and message.batch_id = parked.batch_id and message.state = 'claimed';

-- name: stop_run_of(batch_id, reason, now)
-- a parked batch says that something is wrong with more than one mail: a person looks before anything else is claimed
with stopped as (
    update engage.campaign_runs run
    set state = 'stopped_by_guard', reason = :reason
    from engage.send_batches batch
    where batch.batch_id = :batch_id and run.campaign_run_id = batch.campaign_run_id and run.state = 'sending'
    returning run.campaign_id
)
update engage.campaigns campaign
set state = case when kind = 'broadcast' then 'stopped_by_guard' else state end, state_reason = :reason, updated_at = :now
from stopped
where campaign.campaign_id = stopped.campaign_id and campaign.state <> 'cancelled';
