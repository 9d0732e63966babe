-- name: insert_result(suite, passed, problem, expectations, failures, now)
insert into engage.data_test_results (suite, passed, problem, expectations, failures, checked_at)
values (:suite, :passed, :problem, :expectations, :failures, :now);

-- name: newest_results(suites)
-- a row for each suite that was asked for, whether it has run or not
select wanted.suite, coalesce(newest.passed, false) as passed, newest.problem,
    coalesce(newest.expectations, 0) as expectations, newest.checked_at
from unnest(:suites::text[]) with ordinality as wanted (suite, position)
left join lateral (
    select result.passed, result.problem, result.expectations, result.checked_at
    from engage.data_test_results result
    where result.suite = wanted.suite
    order by result.checked_at desc, result.data_test_result_id desc
    limit 1
) newest on true
order by wanted.position;
