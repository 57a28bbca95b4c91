// What a command line meets besides its words: readers that close early, no colours, no terminal, old
// Nodes, and values that YAML reads in its own way.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wantsColour } from "../../apps/cli/src/terminal.js";
import { attuneInTurn, type Ended } from "./attune.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "attune-around-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (more: string) =>
  `model: {path: org/m}\ndata: {train: t.jsonl, template: {prompt: "{a}", completion: "{b}"}}\n${more}`;

/** YAML's own readings of what a person wrote, and what is said of them. */
const YAML: readonly [what: string, text: string, line: RegExp | null][] = [
  ["1e-4 without a point is a number", "train: {lr: 1e-4}", null],
  ["a learning rate with a letter", "train: {lr: 1e-4x}", /train\.lr must be a number, not "1e-4x"/],
  ["a number in quotes", 'train: {lr: "1e-4"}', /train\.lr must be a number, not "1e-4"/],
  ["no, which YAML 1.1 takes for false", "name: no", null],
  ["off, for a switch", "lora: {dora: off}", /lora\.dora must be .*boolean.*, not "off"/i],
  ["a date stays text", "name: 2024-01-01", null],
  ["a date where a number belongs", "train: {seed: 2024-01-01}", /train\.seed must be a (whole )?number, not "2024-01-01"/],
  ["octal as YAML 1.1 has it is decimal", "train: {steps: 010}", null],
  ["a decimal comma", "train: {lr: '1,5'}", /train\.lr must be a number, not "1,5"/],
  ["thousands with a comma", "train: {steps: '1,000'}", /train\.steps must be a number, not "1,000"/],
  ["a learning rate of 0", "train: {lr: 0}", /train\.lr must be more than 0, not 0/],
  ["a negative one", "train: {lr: -1}", /train\.lr must be more than 0, not -1/],
  ["infinity", "train: {lr: .inf}", /train\.lr must be .*, not Infinity/],
  ["a batch of 0", "train: {batch: 0}", /train\.batch must be at least 1, not 0/],
  ["half a batch", "train: {batch: 1.5}", /train\.batch must be a whole number, not 1\.5/],
  ["a group as text", "train: true", /train must be a group of keys, not true/],
];

let ended: Ended[];
beforeAll(async () => {
  const lines = YAML.map(([, text], i) => {
    writeFileSync(path.join(folder, `${i}.yaml`), run(text));
    return ["config", path.join(folder, `${i}.yaml`)];
  });
  ended = await attuneInTurn(
    [
      ...lines,
      ["config", path.join(folder, "0.yaml"), "train.steps=3", "train.epochs=2", "train.frozenStorage=bf16", "train.warmup=3"],
    ],
    process.env,
  );
});

describe("YAML's own readings", () => {
  test.each(YAML.map(([what, , line], index) => ({ what, line, index })))("$what", ({ line, index }) => {
    const { code, stderr } = ended[index]!;
    if (line === null) expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    else {
      expect(code).toBe(2);
      expect(stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(line)]);
    }
  });

  test("settings that contradict each other are named together", () => {
    const { code, stderr } = ended.at(-1)!;
    expect(code).toBe(2);
    expect(stderr.trimEnd().split("\n")).toHaveLength(3);
    for (const part of ["train.epochs stands beside train.steps", "nothing is left to train", "without lora every weight"])
      expect(stderr).toContain(part);
  });
});

interface Started {
  code: number | null;
  stdout: string;
  stderr: string;
}

const SOURCES = ["--import", "tsx", "--conditions=@attune/source", "apps/cli/src/main.ts"];

/** Node with these words in front: the sources, where nothing else is said. A process of its own; `closeAfter` closes the reader's end after so many bytes. */
function launch(
  words: readonly string[],
  { node = SOURCES, closeAfter = Number.POSITIVE_INFINITY, env = {} } = {},
): Promise<Started> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...node, ...words], {
      cwd: root,
      env: { ...process.env, ...env },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk;
      if (stdout.length > closeAfter) child.stdout.destroy();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

test("a reader that closes early (| head) is no fault", async () => {
  const { code, stderr } = await launch(["config", "--schema"], { closeAfter: 1 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test("an old Node is told before anything is loaded", async () => {
  const old = "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.4'}})";
  const { code, stdout, stderr } = await launch(["train", "x.yaml"], { node: ["--import", old, "apps/cli/bin/attune.js"] });
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: "",
    stderr: "error: Node 18.20.4 is too old: attune needs Node 20.19 or newer\n",
  });
});

test("colours: for terminals alone, not under NO_COLOR or on a dumb one; FORCE_COLOR asks for them", async () => {
  expect(wantsColour({}, true)).toBe(true);
  expect(wantsColour({ NO_COLOR: "1" }, true)).toBe(false);
  expect(wantsColour({ TERM: "dumb" }, true)).toBe(false);
  expect(wantsColour({ CI: "1" }, false)).toBe(false);
  const [plain, forced] = await Promise.all([
    launch(["recipes", "describe", "bundled-lora"], { env: { FORCE_COLOR: undefined } }),
    launch(["recipes", "describe", "bundled-lora"], { env: { FORCE_COLOR: "1" } }),
  ]);
  expect(plain.stdout).not.toContain("\u001b");
  expect(forced.stdout).toContain("\u001b[1mbundled-lora");
});

test("no terminal to ask on: one line that names the flags", async () => {
  const { code, stderr } = await launch(["init"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: there is no terminal to ask on: add --data FILE and --model NAME, as in: attune init .*\n$/);
});
