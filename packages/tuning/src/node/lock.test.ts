import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { lockFolder } from "./lock.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The number of a process that is over. */
const gone = spawnSync(process.execPath, ["-e", ""]).pid;
const put = (pid: number, host = hostname(), name = ".lock") =>
  writeFile(path.join(folder, name), JSON.stringify({ pid, host, since: "2026-01-02T03:04:05.000Z" }));

it("lets one run in, and the next one when it is over", async () => {
  const unlock = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow(
    new RegExp(`another run is writing here \\(process ${process.pid} on .*; wait for it or name another folder`),
  );
  await unlock();
  await (await lockFolder(folder))();
  expect(await readdir(folder)).toEqual([]);
});

it("takes over where the process is gone", async () => {
  await put(gone);
  await (await lockFolder(folder))();
  expect(await readdir(folder)).toEqual([]);
});

it("takes over what bears this process's number but is not its own: a container that was killed and starts again", async () => {
  await put(process.pid);
  const unlock = await lockFolder(folder);
  await expect(lockFolder(path.join(folder, "."))).rejects.toThrow(/another run is writing here/);
  await unlock();
  expect(await readdir(folder)).toEqual([]);
});

it("does not where the process may live: on another host, or unknown", async () => {
  await put(1, "another-host");
  await expect(lockFolder(folder)).rejects.toThrow(/process 1 on another-host, since 2026/);
  await writeFile(path.join(folder, ".lock"), "");
  await expect(lockFolder(folder)).rejects.toThrow(/an unknown process.*delete .*\.lock/);
});

it("lets one of many in that find the same stale lock", async () => {
  for (let round = 0; round < 50; round++) {
    await put(gone);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
    const inside = all.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(inside).toHaveLength(1);
    expect(await readdir(folder)).toEqual([".lock"]);
    await inside[0]!();
  }
});

it("takes over from one that died while it took over", async () => {
  await put(gone);
  await put(gone, hostname(), ".lock.takeover");
  await (await lockFolder(folder))();
  expect(await readdir(folder)).toEqual([]);
});

it("leaves a lock alone that is not its own any more: somebody deleted it, and another run came", async () => {
  const unlock = await lockFolder(folder);
  await put(1, "another-host");
  await unlock();
  expect(await readdir(folder)).toEqual([".lock"]);
});

it("renews its time while it is held, and tells of one that is silent", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const file = path.join(folder, ".lock");
    const long = new Date(Date.now() - 3_600_000);
    const unlock = await lockFolder(folder);
    await utimes(file, long, long);
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(async () => expect((await stat(file)).mtimeMs).toBeGreaterThan(Date.now() - 60_000));
    await unlock();
    expect(vi.getTimerCount()).toBe(0);
    await put(1, "another-host");
    await utimes(file, long, long);
    await expect(lockFolder(folder)).rejects.toThrow(/since 2026.*, last sign of life 60 minutes ago\)/);
  } finally {
    vi.useRealTimers();
  }
});
