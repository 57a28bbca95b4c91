// attune profile, and ATTUNE_DEBUG in front of any command.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Profile } from "@attune/tensor/debug";
import { afterAll, expect, it } from "vitest";
import { attune } from "./attune.js";

const folder = mkdtempSync(path.join(tmpdir(), "attune-inspect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = ["recipes/bundled-lora.yaml", "train.batch=2", "train.steps=2", "data.limit=8"];

it("profiles a run's update: every call in the table, the groups add up, a trace with two rows, nothing saved", async () => {
  const trace = path.join(folder, "trace.json");
  const out = path.join(folder, "out");
  const { code, stdout, stderr } = await attune(["profile", ...run, "--steps", "1", "--trace", trace, "--json", "--out", out]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const made = JSON.parse(stdout) as Profile;
  const plan = JSON.parse((await attune(["plan", ...run, "--json"])).stdout) as { buckets: { dispatches: number }[] };
  const sum = (rows: Profile["kernels"], of: "calls" | "ms"): number => rows.reduce((so, row) => so + row[of], 0);
  for (const rows of [made.kernels, made.groups, made.sizes]) {
    expect(sum(rows, "calls")).toBe(made.calls);
    expect(sum(rows, "ms")).toBeCloseTo(made.deviceMs);
  }
  // the micro-step of a bucket, and the update's own calls
  expect(made.calls).toBeGreaterThan(Math.min(...plan.buckets.map(({ dispatches }) => dispatches)));
  expect(made.groups.map(({ name }) => name).sort()).toEqual(
    expect.arrayContaining(["attention", "element-wise", "loss", "matmul", "normalisation", "optimizer"]),
  );
  expect(made.peaks.matmulGflops).toBeGreaterThan(0);
  expect(made.memory.atPeak.weights).toBeGreaterThan(0);
  const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as { traceEvents: { ph: string; tid: number }[] };
  const calls = traceEvents.filter(({ ph, tid }) => ph === "X" && tid === 2);
  expect(calls).toHaveLength(made.calls);
  expect(() => readFileSync(out)).toThrow(/ENOENT/);
}, 240_000);

it("refuses a count that is none before a device is opened", async () => {
  for (const [flag, value] of [["--steps", "0"], ["--sizes", "x"]] as const) {
    const { code, stderr } = await attune(["profile", ...run, flag, value]);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^error: ${flag} ${value}: expected a whole number`));
  } // biome-ignore format: short
});

it("ATTUNE_ADAPTER: an adapter by its name; another name is refused with those that there are", async () => {
  const { code, stderr } = await attune(["kernels", "test", "softmax", "--shapes", "1"], {
    env: { ATTUNE_ADAPTER: "no such card" },
  });
  expect(code).toBe(4);
  expect(stderr).toMatch(/^error: ATTUNE_ADAPTER=no such card: no adapter has that in its name; there are \S.*\n$/);
});

it("ATTUNE_DEBUG: the device on stderr, another value refused", async () => {
  const command = ["doctor", "--json", "--no-speed"];
  const one = await attune(command, { env: { ATTUNE_DEBUG: "1" } });
  expect(one.code).toBe(0);
  expect(one.stderr).toMatch(/^attune: adapter .*\nattune: features .*\nattune: limits .*\n$/);
  expect(() => JSON.parse(one.stdout)).not.toThrow();

  const bad = await attune(command, { env: { ATTUNE_DEBUG: "loud" } });
  expect(bad.code).toBe(2);
  expect(bad.stderr).toMatch(/^error: ATTUNE_DEBUG=loud: expected 1, 2, 3, 4 or 5/);
});
