#!/usr/bin/env python3
"""The same registrations and transfers in PostgreSQL: an audit table, a hash chain by trigger,
signatures checked in the client, every commit on the disk before it is confirmed.

Starts a cluster of its own in a new folder on a free port, loads it, checks the chain from its first
entry, and prints a report as JSON: `workload`, `connections`, `committed_tps` (units, for `import`),
`latency_ms` (`p50`, `p90`, `p99`, from the beginning of a request to its commit), `refused`,
`chain_entries`.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATORS = 64
REMARKS = "x" * 700
# Registrations in one signed request, for imports.
BATCH = 100


def key_of(name):
    """The key of a person who exists only here."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def demote():
    """What the server's programs run as: never root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def programs():
    found = shutil.which("initdb")
    if found:
        return os.path.dirname(os.path.realpath(found))
    for version in ("15", "16", "17"):
        folder = f"/usr/lib/postgresql/{version}/bin"
        if os.path.exists(folder):
            return folder
    sys.exit("未找到 PostgreSQL，请安装 postgresql-15 · PostgreSQL is not there: install postgresql-15")


class Cluster:
    """A PostgreSQL cluster in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="chaincity-peer-")
        os.chmod(self.folder, 0o777)
        self.data = os.path.join(self.folder, "data")
        self.bin = programs()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("initdb", "-D", self.data, "-U", "peer", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
            "-c fsync=on -c synchronous_commit=on -c shared_buffers=256MB -c max_wal_size=4GB "
            "-c max_connections=200"
        )
        log = os.path.join(self.folder, "log")
        self.run("pg_ctl", "-D", self.data, "-l", log, "-o", settings, "-w", "start")

    def run(self, program, *arguments):
        command = [os.path.join(self.bin, program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **demote())
        if done.returncode != 0:
            sys.exit(f"{program}: {done.stdout}{done.stderr}")

    def connect(self, **more):
        where = f"host=127.0.0.1 port={self.port} user=peer dbname=postgres"
        return psycopg.connect(where, **more)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def check(key, signature, body):
    """Signatures are checked where the data is written: the server has no Ed25519."""
    try:
        key.verify(signature, body)
        return True
    except InvalidSignature:
        return False


class Desk:
    """One connection that registers and transfers."""

    def __init__(self, cluster, number, chain):
        self.db = cluster.connect(autocommit=False)
        self.number = number
        self.count = 0
        operators = [key_of(f"operator-{i}") for i in range(OPERATORS)]
        self.operators = [(key, key.public_key(), public(key)) for key in operators]
        self.parties = [key_of(f"holder-{i}") for i in range(2)]
        self.party_keys = [key.public_key() for key in self.parties]
        self.chain = chain
        self.sides = {}

    def request(self, body, consents):
        """Checks and records what is asked, signed by the next operator."""
        key, verifier, name = self.operators[self.count % OPERATORS]
        self.count += 1
        body = json.dumps({**body, "nonce": secrets.token_hex(8)}, ensure_ascii=False).encode()
        signature = key.sign(body)
        signed = [self.parties[i].sign(body) for i in consents]
        started = time.perf_counter()
        ok = check(verifier, signature, body)
        ok = ok and all(check(self.party_keys[i], s, body) for i, s in zip(consents, signed))
        if not ok:
            raise ValueError("a signature does not hold")
        identifier = hashlib.sha256(body).digest()
        self.db.execute(
            "SELECT set_config('register.request', %s, true), set_config('register.chain', %s, true)",
            (identifier.hex(), self.chain),
        )
        self.db.execute(
            "INSERT INTO request VALUES (%s, %s, %s, %s, %s)",
            (identifier, name, body, signature, signed),
        )
        return started

    def register(self, unit):
        body = {"action": "register", "unit": unit, "holder": "holder-0", "remarks": REMARKS}
        started = self.request(body, [])
        self.db.execute(
            "INSERT INTO unit (number, location, building_area, remarks) VALUES (%s, %s, 90.5, %s)",
            (unit, f"测试路{self.count}号", REMARKS),
        )
        self.register_owner(unit)
        self.db.commit()
        return time.perf_counter() - started

    def register_many(self, units):
        """A source's list of registrations, signed once, in one transaction."""
        rows = [{"unit": unit, "holder": "holder-0", "remarks": REMARKS} for unit in units]
        started = self.request({"action": "import", "rows": rows}, [])
        insert = self.db.cursor().executemany
        insert(
            "INSERT INTO unit (number, location, building_area, remarks) VALUES (%s, %s, 90.5, %s)",
            [(unit, f"测试路{unit}号", REMARKS) for unit in units],
        )
        insert(
            "INSERT INTO ownership (unit, holder) VALUES (%s, 'holder-0')", [(unit,) for unit in units]
        )
        self.db.commit()
        return time.perf_counter() - started

    def register_owner(self, unit):
        self.db.execute("INSERT INTO ownership (unit, holder) VALUES (%s, 'holder-0')", (unit,))

    def transfer(self, unit):
        """Both sides consent; a sealed unit stays where it is; one current owner before and after."""
        seller = self.sides.get(unit, 0)
        body = {"action": "transfer", "unit": unit, "from": seller, "to": 1 - seller}
        started = self.request(body, [seller, 1 - seller])
        sealed = self.db.execute(
            "SELECT 1 FROM seal WHERE unit = %s AND until >= current_date", (unit,)
        ).fetchone()
        current = self.db.execute(
            "SELECT id FROM ownership WHERE unit = %s AND ended IS NULL AND holder = %s FOR UPDATE",
            (unit, f"holder-{seller}"),
        ).fetchone()
        if sealed or not current:
            self.db.rollback()
            return None
        self.db.execute("UPDATE ownership SET ended = clock_timestamp() WHERE id = %s", current)
        self.db.execute(
            "INSERT INTO ownership (unit, holder) VALUES (%s, %s)", (unit, f"holder-{1 - seller}")
        )
        self.db.commit()
        self.sides[unit] = 1 - seller
        return time.perf_counter() - started


def work(cluster, number, workload, chain, units, gate, seconds, out):
    """One connection at work for the measured time; units of its own, in turn."""
    desk = Desk(cluster, number, chain)
    own = [f"U-{number}-{i}" for i in range(units)]
    if workload == "transfer":
        for unit in own:
            desk.register(unit)
    gate.wait()
    taken, refused, turn = [], 0, 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if workload == "register":
            latency = desk.register(f"N-{number}-{turn}")
        elif workload == "import":
            latency = desk.register_many([f"N-{number}-{turn}-{i}" for i in range(BATCH)])
        else:
            latency = desk.transfer(own[turn % units])
        turn += 1
        if latency is None:
            refused += 1
        else:
            taken.append(latency)
    out.put((taken, refused))


def chain_is_whole(db):
    """Recomputes every hash of the chain from the rows, in the server; gives how many there are."""
    broken = db.execute(
        """
        SELECT count(*) FROM (
          SELECT hash, sha256(
            lag(hash, 1, '\\x00'::bytea) OVER (PARTITION BY chain ORDER BY place)
            || convert_to(replace(what, ' ', '') || "row"::text, 'UTF8')) AS wanted
          FROM audit) AS entries
        WHERE hash <> wanted
        """
    ).fetchone()[0]
    if broken:
        sys.exit(f"哈希链断裂 {broken} 处 · the chain is broken in {broken} places")
    return db.execute("SELECT count(*) FROM audit").fetchone()[0]


def quantile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0


def measure(options):
    cluster = Cluster()
    try:
        with cluster.connect(autocommit=True) as db:
            with open(os.path.join(HERE, "schema.sql"), encoding="utf-8") as schema:
                db.execute(schema.read())
            for i in range(OPERATORS):
                db.execute("INSERT INTO operator VALUES (%s, 'registry')", (public(key_of(f"operator-{i}")),))
        context = multiprocessing.get_context("fork")
        out, gate = context.Queue(), context.Barrier(options.connections + 1)
        workers = [
            context.Process(
                target=work,
                args=(cluster, n, options.workload, options.chain, options.units, gate, options.seconds, out),
            )
            for n in range(options.connections)
        ]
        for worker in workers:
            worker.start()
        gate.wait()
        found = [out.get() for _ in workers]
        for worker in workers:
            worker.join()
        taken = sorted(latency for some, _ in found for latency in some)
        with cluster.connect(autocommit=True) as db:
            entries = chain_is_whole(db)
            requests = db.execute("SELECT count(*) FROM request").fetchone()[0]
        prepared = options.units * options.connections if options.workload == "transfer" else 0
        each = BATCH if options.workload == "import" else 1
        if requests != len(taken) + prepared:
            sys.exit(f"{requests} requests are recorded where {len(taken) + prepared} were confirmed")
        return {
            "workload": options.workload,
            "connections": options.connections,
            "chain": options.chain,
            "seconds": options.seconds,
            "committed_tps": int(len(taken) * each / options.seconds),
            "latency_ms": {name: round(quantile(taken, part), 1)
                           for name, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))},
            "refused": sum(refused for _, refused in found),
            "chain_entries": entries,
        }
    finally:
        cluster.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=("register", "transfer", "import"), default="register")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--units", type=int, default=50, help="units of each connection, for transfers")
    parser.add_argument("--chain", choices=("all", "unit"), default="all",
                        help="one hash chain over everything, or one for each unit")
    parser.add_argument("--json", help="where to write the report too")
    options = parser.parse_args()
    report = json.dumps(measure(options))
    print(report)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(report + "\n")


if __name__ == "__main__":
    main()
