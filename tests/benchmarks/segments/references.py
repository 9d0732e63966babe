"""Twenty segments over the whole range of operators, as rule trees; hand_written.sql and duckdb.sql ask the same by name."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]


def attribute(name: str, operator: str, **arguments: Any) -> Tree:
    return {"type": "attribute", "attribute": name, "operator": operator, **arguments}


def did(
    event: str, days: int | None = None, *, times: str = "at_least", count: int = 1, where: list[Tree] | None = None
) -> Tree:
    return {
        "type": "event_count",
        "event": event,
        "times": times,
        "count": count,
        **_window(days),
        "where": where or [],
    }


def did_not(event: str, days: int | None = None) -> Tree:
    return {"type": "event_count", "event": event, "operator": "did_not", **_window(days)}


def measure(event: str, of: str, name: str, window: Tree, compare: Tree) -> Tree:
    return {
        "type": "event_measure",
        "event": event,
        "operator": of,
        "property": name,
        "window": window,
        "compare": compare,
    }


def moment(event: str, which: str, compare: Tree) -> Tree:
    return {"type": "event_time", "event": event, "operator": which, "compare": compare}


def compare(operator: str, **arguments: Any) -> Tree:
    return {"operator": operator, **arguments}


def segment(key: str, operator: str = "in_segment") -> Tree:
    return {"type": "segment", "segment": key, "operator": operator}


def having(name: str, operator: str, **arguments: Any) -> Tree:
    return {"property": name, "operator": operator, **arguments}


def both(*conditions: Tree) -> Tree:
    return {"type": "and", "conditions": list(conditions)}


def either(*conditions: Tree) -> Tree:
    return {"type": "or", "conditions": list(conditions)}


def no(condition: Tree) -> Tree:
    return {"type": "not", "condition": condition}


def _window(days: int | None) -> Tree:
    return {} if days is None else {"window": {"last_days": days}}


SUBSCRIBED = attribute("email_consent", "equals", value="subscribed")

# in this order a segment comes after those that it refers to
REFERENCES: dict[str, Tree] = {
    "vip": both(attribute("lifetime_value", "at_least", value=300), attribute("orders_count", "at_least", value=5)),
    "frequent_buyers": did("order_paid", 365, count=3),
    "pro_in_rome_or_paris": both(
        attribute("plan", "equals", value="pro"),
        attribute("city", "in", values=["Rome", "Paris"]),
        did("email_opened", 30),
        did_not("order_created", 60),
        segment("vip", "not_in_segment"),
    ),
    "managers_on_free_mail": both(
        attribute("email_domain", "in", values=["gmail.com", "outlook.com"]),
        attribute("job_title", "contains", value="manager"),
        attribute("last_name", "starts_with", value="S"),
        attribute("company", "ends_with", value="Ltd"),
        attribute("phone", "is_set"),
        attribute("lead_source", "not_equals", value="ads"),
    ),
    "birthday_this_week": both(
        SUBSCRIBED,
        attribute("country", "not_in", values=["DE"]),
        attribute("date_of_birth", "anniversary_within", days=7),
    ),
    "tagged_newcomers": both(
        attribute("created_at", "in_last_days", days=730),
        attribute("updated_at", "after", value="2026-01-01"),
        attribute("date_of_birth", "between", low="1970-01-01", high="1999-12-31"),
        attribute("average_order_value", "between", low=20, high=80),
        attribute("tags", "contains_any", values=["vip", "beta", "webinar"]),
        attribute("tags", "contains_none", values=["churn_risk"]),
    ),
    "deal_in_proposal": both(
        attribute("company", "is_set"), {"type": "funnel", "operator": "stage_is", "stages": ["proposal"]}
    ),
    "sleepers": both(did("order_created"), did_not("order_created", 180), did_not("email_opened", 90)),
    "rarely_mailed": both(SUBSCRIBED, did("email_sent", 90, times="at_most", count=2)),
    "bought_once": did("order_paid", times="exactly", count=1),
    "coupon_orders_on_the_web": did(
        "order_created",
        90,
        where=[
            having("channel", "equals", value="web"),
            having("coupon_code", "is_set"),
            having("value", "at_least", value=50),
        ],
    ),
    "big_spenders": measure("order_paid", "sum", "value", {"last_days": 365}, compare("at_least", value=200)),
    "middling_carts": measure(
        "cart_updated", "average", "amount", {"since": "2026-01-01"}, compare("between", low=50, high=150)
    ),
    "first_order_this_quarter": moment("order_created", "first_time", compare("in_last_days", days=90)),
    "no_longer_reading": both(SUBSCRIBED, moment("email_opened", "last_time", compare("more_than_days_ago", days=120))),
    "saw_prices_then_ordered": {
        "type": "event_sequence", "event": "page_viewed", "then": "order_created", "within_days": 7, "window": {"last_days": 365},
        "where": [having("category", "equals", value="pricing"), having("returning", "is_true")],
    },
    "any_sign_of_life": either(
        did("email_clicked", 14),
        did("whatsapp_received", 14),
        did("call_logged", 14, where=[having("direction", "equals", value="inbound")]),
    ),
    "not_southern_buyers": both(
        SUBSCRIBED, no(both(attribute("country", "in", values=["IT", "FR"]), did("order_paid", 365)))
    ),
    "nested_groups": both(
        no(attribute("tags", "contains_any", values=["churn_risk"])),
        either(
            both(
                attribute("plan", "in", values=["pro", "enterprise"]),
                measure("order_paid", "sum", "value", {"last_days": 180}, compare("at_least", value=100)),
            ),
            both(
                attribute("city", "in", values=["Milan", "Turin", "Naples"]),
                either(
                    did("whatsapp_received", 90, count=2),
                    both(did("email_sent", 365, count=3), did_not("email_opened", 365)),
                ),
            ),
        ),
    ),
    "share_of_good_customers": both(
        either(segment("vip"), segment("frequent_buyers")),
        {"type": "bucket", "seed": "spring", "percent": 10},
    ),
}  # fmt: skip


def tree(key: str) -> Tree:
    return {"version": 1, "where": REFERENCES[key]}


def variant(node: Any, number: int) -> Any:
    """The same question a little differently: longer windows, higher thresholds, another seed; 0 is the question itself.

    What has no number stays, so that variants share conditions as the segments of one company do.
    """
    if isinstance(node, list):
        return [variant(each, number) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {name: variant(value, number) for name, value in node.items()}
    for name in ("last_days", "days"):
        if isinstance(changed.get(name), int):
            changed[name] += 5 * number
    if "seed" in changed:
        changed["seed"] += str(number or "")
    if isinstance(changed.get("value"), int):
        changed["value"] += number
    return changed
