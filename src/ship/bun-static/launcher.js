#!/usr/bin/env node
// Starts bun-static with Bun, whatever started this file: its configuration is the project's for the bundler alone.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "bun"));
const bun = process.versions.bun === undefined ? onPath.find((path) => existsSync(path)) : process.execPath;

if (bun === undefined) {
  console.error(
    "bun-static: Bun is not on the PATH, but it must compile the program: install it (npm install --global bun, or " +
      "https://bun.com), or run this as: npx --package bun --package bun-static bun-static",
  );
  process.exit(1);
}

const wanted = JSON.parse(readFileSync(join(here, "..", "package.json"), "utf8")).engines.bun.replace(">=", "");
const found = process.versions.bun ?? spawnSync(bun, ["--version"], { encoding: "utf8" }).stdout?.trim();
if (found && found.localeCompare(wanted, "en", { numeric: true }) < 0) {
  console.error(`bun-static: ${bun} is Bun ${found}, and ${wanted} or newer is needed: bun upgrade, or install it anew`);
  process.exit(1);
}

const words = [`--config=${join(here, "bunfig.toml")}`, join(here, "..", "lib", "cli.js"), ...process.argv.slice(2)];
const child = spawn(bun, words, { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`bun-static: ${bun} cannot be started (${error.message}); reinstall Bun`);
  process.exit(1);
});
child.on("exit", (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)));
