"""What Supabase and its poolers say when they let nobody in, and what whoever reads it is told to do next."""

from __future__ import annotations

import psycopg
import pytest

from harness.database.postgres_errors import refusal

AT = 'connection failed: connection to server at "192.0.2.1", port 6543 failed: '
TENANT, FULL, PASSWORD, BANNED = (
    "postgres.<project>",
    "has no room",
    "the password is wrong",
    "network restrictions",
)
IPV6 = "has IPv6 alone"
SAID = {
    f"{AT}FATAL:  Tenant or user not found": TENANT,
    f"{AT}FATAL:  (ENOTFOUND) tenant/user postgres.abc not found": TENANT,
    f'{AT}FATAL:  password authentication failed for user "postgres"': PASSWORD,
    f"{AT}error received from server in SCRAM exchange: Wrong password": PASSWORD,
    f"{AT}FATAL:  SASL authentication failed": PASSWORD,
    f"{AT}FATAL:  Max client connections reached": FULL,
    f"{AT}FATAL:  MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to "
    "pool_size": FULL,
    f"{AT}FATAL:  Unable to check out process from the pool due to checkout timeout": FULL,
    f"{AT}FATAL:  remaining connection slots are reserved for non-replication superuser connections": (
        "too many"
    ),
    f"{AT}FATAL:  Address not in tenant allow_list: {{192, 0, 2, 7}}": BANNED,
    f"{AT}FATAL:  (ECIRCUITBREAKER) too many authentication failures, new connections are blocked": (
        "after wrong ones"
    ),
    f"{AT}FATAL:  SSL connection is required": "sslmode=require",
    'connection to server at "2001:db8::1", port 5432 failed: Network is unreachable': IPV6,
    'connection to server at "2001:db8::1", port 5432 failed: Cannot assign requested address': IPV6,
    "failed to resolve host 'db.abcdefgh.supabase.co': [Errno -5] No address associated with hostname": IPV6,
    'could not translate host name "db.abcdefgh.supabase.co" to address: Name or service not known': IPV6,
    "failed to resolve host 'nowhere.example': [Errno -2] Name or service not known": (
        "mend it in the connection"
    ),
    f"{AT}timeout expired": "nothing answered in time",
    f"{AT}Connection refused": "nothing listens there",
}


@pytest.mark.parametrize("said", SAID, ids=ascii)
def test_what_a_pooler_says_has_its_next_step(said: str) -> None:
    assert SAID[said] in refusal("the database", psycopg.OperationalError(said)).hint
