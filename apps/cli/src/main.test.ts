import { describe, expect, test } from "vitest";
import type { CommandEntry } from "./commands/table.js";
import { interruptedError, userError } from "./errors.js";
import { main } from "./main.js";

let wasLoaded = false;
const failing = (name: string, thrown: unknown): CommandEntry => ({
  name,
  summary: name,
  load: async () => {
    wasLoaded = true;
    return {
      configure(command) {
        command.option("--steps <n>", "how many").action(() => {
          throw thrown;
        });
      },
    };
  },
});

async function attune(words: string[], thrown: unknown = undefined) {
  const written = { out: "", err: "" };
  const output = {
    out(text: string) {
      written.out += text;
    },
    err(text: string) {
      written.err += text;
    },
  };
  const code = await main(words, output, [failing("train", thrown)]);
  return { code, ...written };
}

describe("exit codes and their line", () => {
  test.each([
    [userError("usage", "unknown key x"), 2, "error: unknown key x\n"],
    [userError("data", "row \u001b[2J"), 3, "error: row \\x1b[2J\n"],
    [userError("device", "no adapter"), 4, "error: no adapter\n"],
    [userError("storage", "disk full"), 5, "error: disk full\n"],
    [userError("network", "offline"), 6, "error: offline\n"],
    [userError("numerics", "loss is NaN"), 7, "error: loss is NaN\n"],
    [userError("mismatch", "logits differ"), 1, "error: logits differ\n"],
    [interruptedError("SIGINT"), 130, "stopped by SIGINT\n"],
    [interruptedError("SIGTERM"), 143, "stopped by SIGTERM\n"],
    [interruptedError("SIGHUP"), 129, "stopped by SIGHUP\n"],
    [Object.assign(new Error("rename"), { code: "EXDEV" }), 5, "error: rename\n"],
    [Object.assign(new Error("read"), { code: "ESTALE" }), 5, "error: read\n"],
    [Object.assign(new Error("open"), { code: "ENAMETOOLONG" }), 5, "error: open\n"],
    [Object.assign(new Error("write: no space"), { code: "ENOSPC" }), 5, "error: write: no space\n"],
    [Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), 6, "error: connect\n"],
  ])("%s", async (thrown, code, text) => {
    expect(await attune(["train"], thrown)).toEqual({ code, out: "", err: text });
  });

  test("anything else is a bug, with its stack", async () => {
    const { code, err } = await attune(["train"], new TypeError("x is undefined"));
    expect(code).toBe(1);
    expect(err).toMatch(/^bug: TypeError: x is undefined\n {4}at /);
    expect((await attune(["train"], "a string")).err).toMatch(/^bug: Error: a string/);
  });
});

test("usage faults are one line with a suggestion, exit code 2", async () => {
  expect(await attune(["trian"])).toEqual({ code: 2, out: "", err: "error: unknown command 'trian' (Did you mean train?)\n" });
  expect(await attune(["train", "--stesp", "3"])).toMatchObject({
    code: 2,
    err: "error: unknown option '--stesp' (Did you mean --steps?)\n",
  });
  expect(await attune(["train", "--steps"])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^error: option '--steps <n>' argument missing\n$/),
  });
});

test("help and version print, load no command, and end with 0", async () => {
  wasLoaded = false;
  for (const words of [[], ["--help"], ["help"]]) {
    const { code, out, err } = await attune(words);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/Commands:\n {2}train/);
  }
  expect((await attune(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(wasLoaded).toBe(false);
  expect((await attune(["help", "train"])).out).toMatch(/--steps <n>/);
  expect((await attune(["train", "--help"])).out).toMatch(/--steps <n>/);
});
