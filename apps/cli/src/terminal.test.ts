import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  displayWidth,
  formatBytes,
  formatCount,
  formatSeconds,
  oneLine,
  sanitizeForTerminal,
  table,
  truncate,
  wantsColour,
  wrap,
} from "./terminal.js";

describe("text from outside", () => {
  test("cannot move the cursor, hide or reorder text", () => {
    expect(sanitizeForTerminal("a\u001b[2Jb")).toBe("a\\x1b[2Jb");
    expect(sanitizeForTerminal("\u009b31m\u0007\r")).toBe("\\x9b31m\\x07\\x0d");
    expect(sanitizeForTerminal("x\u202egnp.exe")).toBe("x\\u202egnp.exe");
    expect(sanitizeForTerminal("lone \ud800 half")).toBe("lone \\ud800 half");
    expect(sanitizeForTerminal("Grüße 你好 🙂\nnext")).toBe("Grüße 你好 🙂\nnext");
    expect(oneLine("two\n  lines")).toBe("two lines");
  });

  test("whatever it holds, nothing but printable characters comes out", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(sanitizeForTerminal(text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(displayWidth(oneLine(text, 20))).toBeLessThanOrEqual(20);
      }),
    );
  });
});

test("widths count columns, not characters", () => {
  expect(displayWidth("abc")).toBe(3);
  expect(displayWidth("你好")).toBe(4);
  expect(displayWidth("e\u0301")).toBe(1);
  expect(displayWidth("\u001b[31mred\u001b[39m")).toBe(3);
  expect(truncate("abcdef", 4)).toBe("abc…");
  expect(truncate("你好吗", 5)).toBe("你好…");
});

test("a table's columns line up, and its cells cannot break it", () => {
  const text = table(
    [{ title: "model" }, { title: "R1", align: "right" }],
    [
      ["base", "3.10"],
      ["full\nfine\u001b[2J", "41.25"],
      ["你好", "7"],
    ],
  );
  const lines = text.split("\n");
  expect(lines[0]).toBe("model                R1");
  expect(lines[2]).toBe("base               3.10");
  expect(lines[3]).toBe("full fine\\x1b[2J  41.25");
  expect(lines[4]).toBe("你好                  7");
});

test("text wraps at spaces", () => {
  expect(wrap("the quick brown fox", 10)).toEqual(["the quick", "brown fox"]);
  expect(wrap("incomprehensibilities a", 8)).toEqual(["incompre", "hensibil", "ities a"]);
  expect(wrap("see runs/mine/checkpoints", 12)).toEqual(["see", "runs/mine/", "checkpoints"]);
  expect(wrap("", 5)).toEqual([""]);
});

test("numbers for people", () => {
  expect([0, 900, 1234567, 999_999].map(formatCount)).toEqual(["0", "900", "1.23 M", "1.00 M"]);
  expect([0, 512, 1536, 5 * 2 ** 20].map(formatBytes)).toEqual(["0 B", "512 B", "1.50 KiB", "5.00 MiB"]);
  expect([0.04, 7.25, 59.99, 75.4, 3720].map(formatSeconds)).toEqual(["0.0 s", "7.3 s", "1 min 0 s", "1 min 15 s", "1 h 2 min"]);
});

test("each stream has its own colours: progress keeps them while results go to a file", async () => {
  const [out, err] = [process.stdout.isTTY, process.stderr.isTTY];
  vi.stubEnv("NO_COLOR", undefined);
  vi.stubEnv("FORCE_COLOR", undefined);
  vi.stubEnv("TERM", "xterm");
  try {
    for (const [stdout, stderr] of [
      [false, true],
      [true, false],
    ] as const) {
      Object.assign(process.stdout, { isTTY: stdout });
      Object.assign(process.stderr, { isTTY: stderr });
      vi.resetModules();
      const fresh = await import("./terminal.js");
      expect([fresh.color.isColorSupported, fresh.errColor.isColorSupported]).toEqual([stdout, stderr]);
    }
  } finally {
    Object.assign(process.stdout, { isTTY: out });
    Object.assign(process.stderr, { isTTY: err });
    vi.unstubAllEnvs();
  }
});

test("colours are for terminals, and for those who ask", () => {
  expect(wantsColour({}, true)).toBe(true);
  expect(wantsColour({ CI: "true" }, false)).toBe(false);
  expect(wantsColour({ TERM: "dumb" }, true)).toBe(false);
  expect(wantsColour({ NO_COLOR: "1", FORCE_COLOR: "1" }, true)).toBe(false);
  expect(wantsColour({ FORCE_COLOR: "1" }, false)).toBe(true);
});
