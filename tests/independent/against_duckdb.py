#!/usr/bin/env python3
"""Compares replays with DuckDB: the same traces, the same questions, in one run, on one machine.

    cargo xtask bench duckdb                    the real traces of shared/data, where they are there
    cargo xtask bench duckdb --traces 100000    traces that `betrace bench` makes

Puts the spans into a store of BeTrace, a table of DuckDB and a Parquet file; asks each question of all three, warm, on
one thread and on all; checks that the same traces are violated; prints times, and DuckDB's as multiples of ours. DuckDB
has every advantage that is easy to give: ids are numbers, the attributes asked for are columns of their own, it counts
the violated traces where a replay names them with their witnesses, and of each question it reads only the spans that
can matter. What it takes to start either is not measured.

Needs Python 3 and `pip install duckdb`; says so and ends well where they are absent.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

TRAINS = "nezha_tt.arrival.jsonl.zst"
# How often a query of DuckDB is run at least, and for how long.
RUNS_MIN = 5
SECONDS_MIN = 1.0

ATTRIBUTES = (
    'STRUCT("key" VARCHAR, "value" STRUCT("stringValue" VARCHAR, "intValue" VARCHAR,'
    ' "doubleValue" DOUBLE, "boolValue" BOOLEAN))[]'
)
REQUEST = (
    f'STRUCT(resource STRUCT(attributes {ATTRIBUTES}), "scopeSpans" STRUCT(spans STRUCT("traceId" VARCHAR,'
    ' "spanId" VARCHAR, "parentSpanId" VARCHAR, name VARCHAR, kind INTEGER, "startTimeUnixNano" VARCHAR,'
    f' "endTimeUnixNano" VARCHAR, attributes {ATTRIBUTES})[])[])[]'
)


class Question:
    """A rule, and the same as a condition over the groups of `GROUP BY trace_id`."""

    def __init__(self, id, names, rule, having):
        self.id = id
        self.names = names
        self.rule = rule
        self.having = having

    @staticmethod
    def without(id, a, b, rule_filter="", sql_filter="true"):
        """Has A that passes a filter, and has no B."""
        return Question(
            id,
            [a, b],
            f'"{a}"{rule_filter} and not "{b}"',
            f"bool_or(name = {text(a)} and {sql_filter}) and not bool_or(name = {text(b)})",
        )

    @staticmethod
    def order(id, a, b):
        """Has B, and no A, of another name, that ended no later than some B started."""
        first, last = f'min("end") filter (name = {text(a)})', f'max("start") filter (name = {text(b)})'
        return Question(
            id,
            [a, b],
            f'"{b}" and not "{a}" before "{b}"',
            f"bool_or(name = {text(b)}) and not coalesce({first} <= {last}, false)",
        )

    def source(self):
        return f"rule {self.id} {{ match {{ {self.rule} }} }}\n"


def text(value):
    return "'" + value.replace("'", "''") + "'"


def trains():
    has = Question.without
    return [
        has("rare", "OrderOtherController.saveOrderInfo", "OrderController.saveOrderInfo"),
        has(
            "common",
            "HTTP POST",
            "Transaction.commit",
            ".where(http.request.method == POST)",
            "\"http.request.method\" = 'POST'",
        ),
        Question.order("order", "ConfigController.retrieve", "OrderController.getTicketListByDateAndTripId"),
        has("cancelled", "CancelController.cancelTicket", "SELECT ts.delivery"),
        has("ordered", "INSERT ts.orders_other", "INSERT ts.food_order"),
        has("seats", "SeatController.getLeftTicketOfInterval", "SELECT ts.orders"),
        has("searched", "TravelController.queryInfo", "Travel2Controller.queryInfo"),
        has("routed", "SELECT ts.route", "SELECT ts.price_config"),
        Question.order("priced", "SELECT ts.route", "SELECT ts.price_config"),
        Question.order("counted", "SELECT ts.orders", "SELECT ts.config"),
    ]


def clinic():
    has = Question.without
    intern = (".where(user.role == intern)", "\"user.role\" = 'intern'")
    many = (".where(db.rows >= 100)", '"db.rows" >= 100')
    return [
        has("rare", "records.export", "cache.miss", *many),
        has("common", "phi.access", "audit.log", *intern),
        Question.order("order", "auth.check", "phi.access"),
        has("missed", "http.server", "cache.get", *many),
        has("read", "phi.access", "audit.log", *many),
        has("published", "queue.publish", "cache.miss", *intern),
        has("exported", "http.server", "records.export", *intern),
        has("checked", "auth.check", "cache.get", *intern),
        Question.order("logged", "cache.get", "audit.log"),
        Question.order("rendered", "auth.check", "render"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--betrace", required=True, type=pathlib.Path, help="the binary, built for release")
    parser.add_argument("--traces", type=int, help="so many traces of `betrace bench`, in place of the real ones")
    args = parser.parse_args()
    try:
        import duckdb
    except ImportError:
        print("skipped: python3 has no duckdb (`pip install duckdb`)")
        return 0
    real = find_real()
    if args.traces is None and real is None:
        print(f"no shared/data/{TRAINS} above this folder: 20000 traces of `betrace bench` are taken in their place")
    made = args.traces or (20_000 if real is None else None)
    with tempfile.TemporaryDirectory() as folder:
        return compare(duckdb, args.betrace.resolve(), pathlib.Path(folder), real, made)


def find_real():
    for above in pathlib.Path(__file__).resolve().parents:
        if (path := above / "shared" / "data" / TRAINS).is_file():
            return path
    return None


def compare(duckdb, betrace, folder, real, made):
    questions = clinic() if made else trains()
    store = folder / "store"
    if made:
        spans = folder / "traces.jsonl"
        run(betrace, "bench", "--traces", made, "--only", "disk", "--data", store, "--export", spans)
    else:
        spans = real
        run(betrace, "import", spans, "--data", store)
    files = [folder / f"{question.id}.btr" for question in questions]
    for file, question in zip(files, questions):
        file.write_text(question.source())

    database = load(duckdb, folder, spans)
    n_spans, n_traces = database.execute("SELECT count(*), count(DISTINCT trace_id) FROM spans").fetchone()
    print(f"{n_traces} traces, {n_spans} spans; DuckDB {duckdb.__version__}, {os.cpu_count()} cores")
    print(f"on disk: {size(store):.1f} MB of BeTrace, everything; {size(folder / 'spans.parquet'):.1f} MB of Parquet")
    check(betrace, store, files, questions, database)

    measured = []
    for threads in sorted({1, os.cpu_count()}):
        ours = replays(betrace, store, files, threads)
        for what, asked, file in [
            *[(q.id, [q], str(f)) for q, f in zip(questions[:3], files)],
            ("ten in one pass", questions, "all in one pass"),
        ]:
            row = [what, str(threads), *map(ms, ours[file])]
            for source in ["spans", f"'{folder / 'spans.parquet'}'"]:
                row += [times(them, us) for them, us in zip(query(database, source, asked, threads), ours[file])]
            measured.append(row)
    heading = ["QUESTION", "THREADS", "WALL ms", "CPU ms", "TABLE WALL", "TABLE CPU", "PARQUET WALL", "PARQUET CPU"]
    table([heading, *measured])
    return 0


def run(program, *args):
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} {args[0]}: {done.stderr}")
    return done.stdout


def load(duckdb, folder, spans):
    """Reads OTLP/JSON lines into a table on disk and a Parquet file. Exact repetitions of a span are dropped."""
    database = duckdb.connect(str(folder / "spans.duckdb"))
    compression = "zstd" if spans.suffix == ".zst" else "uncompressed"

    def attribute(key, of="s.attributes", value="stringValue"):
        return f"""list_filter({of}, lambda a: a."key" = '{key}')[1]."value"."{value}\""""

    database.execute(f"""
        CREATE TABLE spans AS
        WITH r AS (SELECT unnest("resourceSpans") r FROM read_json('{spans}', format = 'newline_delimited',
                   compression = '{compression}', maximum_object_size = 100000000,
                   columns = {{'resourceSpans': '{REQUEST}'}})),
             s AS (SELECT r.resource.attributes ra, unnest(r."scopeSpans") ss FROM r),
             p AS (SELECT ra, unnest(ss.spans) s FROM s)
        SELECT DISTINCT s."traceId"::UUID trace_id, ('0x' || s."spanId")::UBIGINT span_id,
               ('0x' || nullif(s."parentSpanId", ''))::UBIGINT parent_id, s.name "name", s.kind kind,
               s."startTimeUnixNano"::UBIGINT "start", s."endTimeUnixNano"::UBIGINT "end",
               {attribute("service.name", "ra")} "service",
               {attribute("http.request.method")} "http.request.method",
               {attribute("user.role")} "user.role",
               {attribute("db.rows", value="intValue")}::BIGINT "db.rows",
               s.attributes attributes
        FROM p ORDER BY "start"
    """)
    database.execute(f"COPY spans TO '{folder / 'spans.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    database.execute("CHECKPOINT")
    return database


def size(path):
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files) / 1e6


def check(betrace, store, files, questions, database):
    """Ends where the two do not find the same traces."""
    report = json.loads(run(betrace, "replay", *files, "--data", store, "-o", "json"))
    replayed = {rule["id"]: rule for rule in report["rules"]}
    for question in questions:
        rule = replayed[question.id]
        ours = {violation["trace_id"] for violation in rule["violations"]}
        found = database.execute(
            f"SELECT trace_id::VARCHAR FROM spans GROUP BY trace_id HAVING {question.having}"
        ).fetchall()
        theirs = {id.replace("-", "") for (id,) in found}
        if ours != theirs or len(ours) != rule["violated"] or rule["inconclusive"] != 0:
            sys.exit(
                f"`{question.id}` is violated by {rule['violated']} traces in BeTrace and {len(theirs)} in DuckDB;"
                f" {len(ours ^ theirs)} differ, {rule['inconclusive']} are inconclusive"
            )
        print(f"`{question.id}`: both find the same {len(ours)} traces")


def replays(betrace, store, files, threads):
    """Returns wall and processor time in seconds, by case."""
    args = ["--data", store, "--threads", threads, "--run-for", f"{SECONDS_MIN:.0f}s", "-o", "json", "--rules", *files]
    found = {}
    for row in json.loads(run(betrace, "bench", *args))["figures"]:
        if row["threads"] == threads:
            found[row["case"]] = tuple(row[key] * row["traces"] / 1e9 for key in ["figure", "cpu"])
    return found


def query(database, source, questions, threads):
    """Returns the median wall time and the mean processor time in seconds of asking questions in one query."""
    names = sorted({name for question in questions for name in question.names})
    conditions = ", ".join(f"{question.having} AS c{n}" for n, question in enumerate(questions))
    counts = ", ".join(f"count_if(c{n})" for n in range(len(questions)))
    sql = f"""
        SELECT {counts} FROM (SELECT {conditions} FROM {source}
        WHERE name IN ({", ".join(map(text, names))}) GROUP BY trace_id)
    """
    database.execute(f"SET threads = {threads}")
    database.execute(sql).fetchall()
    walls, cpu = [], processor_time()
    while len(walls) < RUNS_MIN or sum(walls) < SECONDS_MIN:
        before = time.perf_counter()
        database.execute(sql).fetchall()
        walls.append(time.perf_counter() - before)
    return statistics.median(walls), (processor_time() - cpu) / len(walls)


def processor_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ms(seconds):
    return f"{seconds * 1e3:.2f}"


def times(theirs, ours):
    return f"{ms(theirs)} ({theirs / ours:.1f}x)"


def table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
