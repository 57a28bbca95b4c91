import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CRASH_FILE, crashesGoTo, reportCrash } from "./crash.js";
import { main } from "./main.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-crash-"));
  crashesGoTo({ folder, facts: () => ({ step: 7 }) });
});
afterEach(async () => {
  crashesGoTo(null);
  await rm(folder, { recursive: true });
});

const failing = (thrown: unknown) => [
  {
    name: "train",
    summary: "train",
    load: async () => ({
      configure: (command: import("commander").Command) =>
        void command.argument("[words...]").action(() => {
          throw thrown;
        }),
    }),
  },
];
const errOf = async (thrown: unknown): Promise<string> => {
  const err: string[] = [];
  await main(
    ["train", "hf_canaryCanaryCanaryCanaryCanaryCanary"],
    { out: () => {}, err: (text) => void err.push(text) },
    failing(thrown),
  );
  return err.join("");
};

test("a bug in a run leaves a report that names the place, and one line tells where it lies", async () => {
  const cause = new SyntaxError(`Unexpected token 'x', "a patient's row" is not valid JSON`);
  const thrown = Object.assign(new TypeError('cannot read "my secret row" of undefined', { cause }), {});
  const lines = (await errOf(thrown)).trimEnd().split("\n");
  expect(lines.at(-1)).toBe(
    `crash report, without rows or secrets: ${path.join(folder, CRASH_FILE)}; attune resume goes on from the last checkpoint`,
  );
  const text = await readFile(path.join(folder, CRASH_FILE), "utf8");
  const { run, errors } = JSON.parse(text) as { run: unknown; errors: { name: string; message: string; at: string[] }[] };
  expect(run).toEqual({ step: 7 });
  expect(errors).toMatchObject([
    {
      name: "TypeError",
      message: 'cannot read "…" of undefined',
      at: expect.arrayContaining([expect.stringContaining("crash.test")]),
    },
    { name: "SyntaxError", message: null },
  ]);
  for (const private_ of ["row", "patient", "canary"]) expect(text).not.toContain(private_);
});

test("what is no bug, and what is no run, leaves none", async () => {
  expect(await errOf(Object.assign(new Error("disk full"), { exitClass: "storage" }))).toBe("error: disk full\n");
  crashesGoTo(null);
  expect(reportCrash(new Error("x"))).toBeNull();
  crashesGoTo({ folder: path.join(folder, "gone"), facts: () => ({}) });
  expect(reportCrash(new Error("x"))).toBeNull();
});
