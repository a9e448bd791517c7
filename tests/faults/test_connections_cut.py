"""PostgreSQL cuts the connections of relay and projector, again and again, while events flow."""

import time

import psycopg

from tests.kafka_reading import cursor_of, is_sound, positions
from tests.log_running import Place, relay_running, tally_running, wait_until
from tests.log_writing import LogWriter
from tests.parts import Database
from tests.tally import checkpoint, make_tally, tallied

CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name IN ('relay-1', 'tally-1')
"""


def test_connections_cut_while_events_flow_cost_nothing_but_time(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    make_tally(postgres_database)
    cut = 0
    with relay_running(place) as relay, tally_running(place) as tally:
        for _ in range(12):
            log_writer.write_many(200, batch=40)
            time.sleep(0.05)
            with psycopg.connect(postgres_database.admin) as admin:
                cut += admin.execute(CUT).fetchall()[0][0]
        wait_until(lambda: checkpoint(postgres_database) == 2_400)
        wait_until(lambda: cursor_of(postgres_database) == 2_400)
    waits = [each for running in (relay, tally) for each in running.seen if each.reason]
    assert cut >= 6, "the fault took hold"
    assert any(each.health == "waiting" for each in waits)
    found = positions(place)
    assert sorted(set(found)) == list(range(1, 2_401))
    assert is_sound(found)
    assert tallied(postgres_database) == list(range(1, 2_401))
