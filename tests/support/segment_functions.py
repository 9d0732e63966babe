"""Segment functions as a customer's package might bring them, most of them bad."""

from __future__ import annotations

import time


def first_ids(db, count=3):
    return [
        row[0] for row in db.execute("select contact_id from core.contacts order by 1 limit %s", [count]).fetchall()
    ]


def as_sql(_db, plan="pro"):
    return f"select contact_id from profiles.contact_profiles where plan = '{plan}'"


def writing_sql(_db):
    return "with gone as (delete from core.contacts returning contact_id) select contact_id from gone"


def raises(_db):
    raise RuntimeError("the warehouse is closed")


def loops(_db):
    while True:
        pass


def loops_and_catches(_db):
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            pass


def ten_million(_db):
    return range(1, 10_000_001)


def greedy(_db):
    return [bytearray(64 * 1024 * 1024) for _ in range(1000)]


def strangers(_db):
    return [1, 2, 888_888, -5]


def words(_db):
    return ["ada"]


def writes(db):
    db.execute("delete from core.contacts")
    return [1]


def unlocks_itself(db):
    db.execute("set default_transaction_read_only = off")
    db.execute("delete from core.contacts")
    return [1]


def dies(_db):
    import os

    os._exit(3)


def talks(_db):
    import subprocess

    print("thinking")
    subprocess.run(["echo", "thinking aloud"], check=True)
    return [1, 2]


def loops_with_a_child(_db):
    import subprocess

    subprocess.Popen(["sleep", "1000"])  # which holds the pipes of its parent open
    loops_and_catches(_db)
