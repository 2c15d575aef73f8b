/** Drizzle over bun:sqlite: a join, a transaction that is rolled back, a file in /tmp. */
import { Database } from "bun:sqlite";
import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

const pods = sqliteTable("pods", { id: integer("id").primaryKey(), name: text("name").notNull() });
const restarts = sqliteTable("restarts", { pod: integer("pod").notNull(), count: integer("count").notNull() });
const file = `/tmp/drizzle-${process.pid}.db`;
const database = new Database(file);
database.run("PRAGMA journal_mode = WAL");
database.run("CREATE TABLE pods (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
database.run("CREATE TABLE restarts (pod INTEGER NOT NULL, count INTEGER NOT NULL)");
const db = drizzle(database);
db.insert(pods).values(Array.from({ length: 1000 }, (_, index) => ({ id: index, name: `pod-${index}` }))).run();
db.insert(restarts).values([{ pod: 7, count: 2 }, { pod: 7, count: 3 }]).run();
console.log(db.select({ name: pods.name, all: sql<number>`sum(${restarts.count})` }).from(pods).innerJoin(restarts, eq(restarts.pod, pods.id)).groupBy(pods.id).all());
try {
  db.transaction((transaction) => {
    transaction.delete(pods).run();
    throw new Error("rolled back");
  });
} catch (error) {
  console.log(String(error), db.select({ count: sql<number>`count(*)` }).from(pods).get());
}
database.close();
await Bun.file(file).delete();
