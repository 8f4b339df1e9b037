"""The least that one counted mail can cost: UPDATE and COMMIT of one row through PyMySQL."""

import contextlib
import statistics
import time

import pymysql

from bench.plan import Plan
from support.rig.mariadb import Database


def update_and_commit_us(database: Database, plan: Plan) -> float:
    """Return the median microseconds of `UPDATE; COMMIT` of one row, one after the other."""
    taken_us: list[float] = []
    connection = pymysql.connect(
        user=database.user,
        password=database.password,
        unix_socket=str(database.socket),
        database=database.name,
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (id INT PRIMARY KEY, used BIGINT NOT NULL)")
        cursor.execute("INSERT INTO bare VALUES (1, 0)")
        connection.commit()
        end_s = time.monotonic() + plan.seconds
        while time.monotonic() < end_s:
            begin_s = time.perf_counter()
            cursor.execute("UPDATE bare SET used = used + 1 WHERE id = %s", (1,))
            connection.commit()
            taken_us.append((time.perf_counter() - begin_s) * 1e6)
        cursor.execute("DROP TABLE bare")
    return statistics.median(taken_us)
