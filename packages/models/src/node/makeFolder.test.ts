import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeFolder } from "./makeFolder.js";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-folder-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

it("makes what is missing and says what, alone or beside others who do", async () => {
  expect(await makeFolder(join(home, "a", "b"))).toEqual([join(home, "a"), join(home, "a", "b")]);
  expect(await makeFolder(join(home, "a", "b"))).toEqual([]);
  const all = await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(home, "c", "d", "e"))));
  expect(all.flat().sort()).toEqual(["c", "c/d", "c/d/e"].map((name) => join(home, name)));
});

it("ends where a folder cannot be, and leaves none on the way", async () => {
  await writeFile(join(home, "file"), "");
  await expect(makeFolder(join(home, "file", "a"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(makeFolder(join(home, "x", "y".repeat(300)))).rejects.toMatchObject({ code: "ENAMETOOLONG" });
  expect(await readdir(home)).toEqual(["file"]);
  if (process.platform === "linux") await expect(makeFolder("/proc/attune/a")).rejects.toThrow();
});
