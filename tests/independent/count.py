#!/usr/bin/env python3
"""Counts the verdicts of the rules in tests/data/nezha without any code of BeTrace.

    zstd -dc nezha_tt.arrival.jsonl.zst | python3 tests/independent/count.py

Reads OTLP/JSON requests, one per line, from standard input; puts spans together by trace id; drops exact repetitions;
and applies to each trace the meaning of each rule, written out below in Python. Prints, as JSON and by rule id, how many
traces held, violated, not_applicable, inconclusive, and the ids of the violated ones where --violated is given.
Python 3, standard library only.
"""

import argparse
import collections
import json
import sys

MS = 1_000_000
HOUR = 3_600_000_000_000
KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
STATUSES = ["unset", "ok", "error"]


class Span:
    """A span, with the names that the language gives to what it carries."""

    def __init__(self, span, resource, scope):
        self.id = span["spanId"].lower()
        self.parent = (span.get("parentSpanId") or "").lower()
        self.name = span.get("name", "")
        self.kind = named(KINDS, span.get("kind", 0), "SPAN_KIND_")
        self.status = named(STATUSES, (span.get("status") or {}).get("code", 0), "STATUS_CODE_")
        self.start = int(span.get("startTimeUnixNano", 0))
        self.end = max(self.start, int(span.get("endTimeUnixNano", 0)))
        self.duration = self.end - self.start
        self.hour = self.start // HOUR % 24
        self.own = texts(span.get("attributes"))
        self.resource = texts(resource.get("attributes"))
        self.service = self.resource.get("service.name")
        self.attributes_dropped = any(
            part.get("droppedAttributesCount", 0)
            for part in [span, resource, scope, *span.get("events", []), *span.get("links", [])]
        )

    def get(self, key):
        """The span's attribute, or the resource's where the span has none; None where neither has."""
        return self.own[key] if key in self.own else self.resource.get(key)


def named(names, value, prefix):
    if isinstance(value, int):
        return names[value]
    return value.removeprefix(prefix).lower()


def texts(attributes):
    """Attributes by key, the last of each. Only strings: the rules here compare with nothing else."""
    found = {}
    for attribute in attributes or []:
        value = attribute.get("value") or {}
        found[attribute["key"]] = value.get("stringValue")
    return found


def exists(trace, test):
    return any(test(span) for span in trace)


def count(trace, test):
    return sum(1 for span in trace if test(span))


def name(text):
    return lambda span: span.name == text


class Rule:
    """A rule by what decides its verdict.

    `situation` (when, or the operands of a bare condition that are not negated), `broken` (the condition came true, or
    always failed, or never did not), and `for_certain`: the violation rests on spans that are there, so that nothing
    missing could undo it; None where it never does.
    """

    def __init__(self, situation, broken, for_certain=None, reads_attributes=True):
        self.situation = situation
        self.broken = broken
        self.for_certain = for_certain
        self.reads_attributes = reads_attributes

    def verdict(self, trace):
        if self.is_incomplete(trace):
            certain = self.for_certain is not None and self.for_certain(trace)
            return "violated" if certain else "inconclusive"
        if not self.situation(trace):
            return "not_applicable"
        return "violated" if self.broken(trace) else "held"

    def is_incomplete(self, trace):
        """Whether something that the rule reads is known to be missing of the trace. Every rule reads spans."""
        ids = {span.id for span in trace}
        # A server or consumer span may have a caller that is not instrumented.
        parents_missing = any(
            span.parent and span.parent not in ids and span.kind not in ("server", "consumer") for span in trace
        )
        return parents_missing or (self.reads_attributes and any(span.attributes_dropped for span in trace))


def both(first, second):
    return lambda trace: first(trace) and second(trace)


# cancelled-ticket-refunded
def ticket_cancelled(trace):
    return exists(trace, name("CancelController.cancelTicket"))


def cancel_service_slow(trace):
    return exists(trace, lambda s: s.service == "ts-cancel-service" and s.duration > 400 * MS)


# slow-trip-search
def slow_trip_search(trace):
    return exists(trace, lambda s: s.name == "TravelController.queryInfo" and s.duration > 1500 * MS)


# query-storm
def query_storm(trace):
    return count(trace, lambda s: s.get("db.system") == "mysql" and s.get("db.operation.name") == "SELECT") > 40


# write-after-check
def writes(trace):
    return exists(trace, lambda s: s.get("db.operation.name") in ("INSERT", "UPDATE"))


def security_service(trace):
    return exists(trace, lambda s: s.service == "ts-security-service")


def slow_insert(trace):
    return exists(trace, lambda s: s.get("db.operation.name") == "INSERT" and s.duration >= 10 * MS)


# order-without-food
def order_written(trace):
    return exists(trace, name("INSERT ts.orders"))


# reads-only-from-reader
def slow_entry(trace):
    return exists(
        trace, lambda s: s.kind == "server" and not s.get("http.route") == "/*" and s.duration > 800 * MS
    )


def other_than_select(trace):
    return exists(trace, lambda s: s.get("db.operation.name") not in (None, "SELECT"))


# office-hours
def put(trace):
    return exists(trace, lambda s: s.get("http.request.method") == "PUT" and s.kind == "client")


def outside_hours(trace):
    return exists(trace, lambda s: s.hour >= 14 or s.hour < 9)


# payment-answers
def payment(trace):
    return exists(trace, lambda s: s.service is not None and "payment" in s.service)


def payment_served(trace):
    return exists(trace, lambda s: s.service == "ts-payment-service" and s.kind == "server")


def payment_failed(trace):
    return exists(
        trace, lambda s: s.service == "ts-payment-service" and (s.status == "error" or s.duration >= 30 * MS)
    )


# more-posts-than-gets
def fewer_posts(trace):
    return count(trace, name("HTTP POST")) < count(trace, name("HTTP GET"))


# routes-have-controllers
def large_without_execution(trace):
    return len(trace) >= 20 and not exists(trace, name("ExecuteControlller.executeTicket"))


def more_routes_than_internals(trace):
    routes = count(trace, lambda s: "http.route" in s.own and s.own["http.route"] == s.name)
    return routes > count(trace, lambda s: s.kind == "internal")


def update_on_pod(trace):
    return exists(
        trace,
        lambda s: "ts-order-service-5b67" in (s.resource.get("k8s.pod.name") or "")
        and s.get("db.operation.name") == "UPDATE",
    )


RULES = {
    "cancelled-ticket-refunded": Rule(
        ticket_cancelled,
        lambda t: not exists(t, name("InsidePaymentController.drawBack")) or cancel_service_slow(t),
        both(ticket_cancelled, cancel_service_slow),
    ),
    "slow-trip-search": Rule(lambda t: True, slow_trip_search, slow_trip_search, reads_attributes=False),
    "query-storm": Rule(lambda t: True, query_storm, query_storm),
    "write-after-check": Rule(
        writes, lambda t: not security_service(t) or slow_insert(t), both(writes, slow_insert)
    ),
    "order-without-food": Rule(
        order_written, lambda t: not exists(t, name("FoodController.createFoodOrder")), reads_attributes=False
    ),
    "slow-entry-without-write": Rule(slow_entry, lambda t: not other_than_select(t)),
    "office-hours": Rule(put, outside_hours, both(put, outside_hours)),
    "payment-answers": Rule(
        payment, lambda t: not payment_served(t) or payment_failed(t), both(payment, payment_failed)
    ),
    "more-posts-than-gets": Rule(lambda t: exists(t, name("HTTP GET")), fewer_posts, reads_attributes=False),
    "routes-have-controllers": Rule(
        large_without_execution, lambda t: more_routes_than_internals(t) or update_on_pod(t)
    ),
}


def traces(lines):
    """The spans of each trace id, each once: a repetition with the same content, resource and scope is dropped."""
    found = collections.defaultdict(dict)
    for line in lines:
        for of_resource in json.loads(line)["resourceSpans"]:
            resource = of_resource.get("resource") or {}
            for of_scope in of_resource.get("scopeSpans", []):
                scope = of_scope.get("scope") or {}
                around = [resource, scope, of_resource.get("schemaUrl"), of_scope.get("schemaUrl")]
                around = json.dumps(around, sort_keys=True)
                for span in of_scope.get("spans", []):
                    content = json.dumps(span, sort_keys=True) + around
                    trace = found[span["traceId"].lower()]
                    if content not in trace:
                        trace[content] = Span(span, resource, scope)
    return {trace_id: list(spans.values()) for trace_id, spans in found.items()}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--violated", action="store_true", help="list the ids of violated traces")
    arguments = arguments.parse_args()
    found = traces(sys.stdin)
    rules = []
    for rule_id, rule in RULES.items():
        verdicts = {trace_id: rule.verdict(trace) for trace_id, trace in found.items()}
        tally = collections.Counter(verdicts.values())
        entry = {"id": rule_id}
        for verdict in ("held", "violated", "not_applicable", "inconclusive"):
            entry[verdict] = tally[verdict]
        if arguments.violated:
            entry["violated_traces"] = sorted(t for t, v in verdicts.items() if v == "violated")
        rules.append(entry)
    spans = sum(len(trace) for trace in found.values())
    json.dump({"rules": rules, "traces": len(found), "spans": spans}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
