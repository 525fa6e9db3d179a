#!/usr/bin/env python3
"""The peer's own claims, tried on a small cluster: `python test_peer.py` with its requirements."""

import unittest

import psycopg

import peer


class PeerTest(unittest.TestCase):
    def setUp(self):
        self.cluster = peer.Cluster()
        self.addCleanup(self.cluster.stop)
        self.db = self.cluster.connect(autocommit=True)
        self.addCleanup(self.db.close)
        with open(f"{peer.HERE}/schema.sql", encoding="utf-8") as schema:
            self.db.execute(schema.read())
        for i in range(peer.OPERATORS):
            name = peer.public(peer.key_of(f"operator-{i}"))
            self.db.execute("INSERT INTO operator VALUES (%s, 'registry')", (name,))
        self.desk = peer.Desk(self.cluster, 0, "all")
        self.addCleanup(self.desk.db.close)

    def test_a_unit_changes_hands_and_every_change_is_chained(self):
        self.desk.register("U")
        self.assertIsNotNone(self.desk.transfer("U"))
        owners = self.db.execute("SELECT holder FROM ownership WHERE ended IS NULL").fetchall()
        self.assertEqual(owners, [("holder-1",)])
        self.assertEqual(peer.chain_is_whole(self.db), 4)

    def test_an_import_is_one_request_and_every_row_is_chained(self):
        self.desk.register_many(["A", "B", "C"])
        self.assertEqual(self.db.execute("SELECT count(*) FROM request").fetchone()[0], 1)
        self.assertEqual(self.db.execute("SELECT count(*) FROM ownership").fetchone()[0], 3)
        self.assertEqual(peer.chain_is_whole(self.db), 6)

    def test_a_sealed_unit_stays(self):
        self.desk.register("U")
        self.db.execute("INSERT INTO seal VALUES ('U', current_date)")
        self.assertIsNone(self.desk.transfer("U"))

    def test_a_second_current_owner_is_refused(self):
        self.desk.register("U")
        with self.assertRaises(psycopg.errors.UniqueViolation):
            self.desk.register_owner("U")

    def test_a_changed_row_breaks_the_chain(self):
        self.desk.register("U")
        self.db.execute("UPDATE audit SET \"row\" = \"row\" || '{\"holder\": \"thief\"}' WHERE place = 2")
        with self.assertRaises(SystemExit):
            peer.chain_is_whole(self.db)

    def test_a_wrong_signature_is_noticed(self):
        key = peer.key_of("operator-0")
        self.assertFalse(peer.check(key.public_key(), key.sign(b"one"), b"another"))


if __name__ == "__main__":
    unittest.main()
