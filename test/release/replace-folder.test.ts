import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceFolder } from "../../src/ship/release/replace-folder.ts";

let folder = "";
const at = (name: string) => join(folder, name);

function fill(name: string): void {
  mkdirSync(at(name));
  writeFileSync(join(at(name), "file"), name);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replace-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a release", () => {
  test("replaces the previous one, if there is one", () => {
    fill("fresh");
    replaceFolder(at("release"), at("fresh"), at("aside"));
    fill("fresh");
    replaceFolder(at("release"), at("fresh"), at("aside"));
    expect(readFileSync(join(at("release"), "file"), "utf8")).toBe("fresh");
    expect(readdirSync(folder).toSorted()).toEqual(["aside", "release"]);
  });

  test("keeps the previous one if it cannot be put there", () => {
    fill("release");
    expect(() => replaceFolder(at("release"), at("absent"), at("aside"))).toThrow("ENOENT");
    expect(readdirSync(folder)).toEqual(["release"]);
    expect(readFileSync(join(at("release"), "file"), "utf8")).toBe("release");
  });
});
