import { expect, test } from "vitest";
import type { Prompting } from "./prompting.js";
import { openSession } from "./session.js";
import { sideBySide } from "./terminal.js";

/** Prompts are the turns joined; answers are "[adapter?]prompt" in words; a word is a token. */
function chat({ hasAdapter = true, room = 100, hasHistory = true } = {}) {
  const log: string[] = [];
  const prompting: Prompting = {
    about: "",
    hasHistory,
    stopStrings: [],
    prompt: async (turns, line, system) => {
      if (line === "bad") throw Object.assign(new Error("cannot be asked"), { exitClass: "data" });
      return [...(system ? [system] : []), ...turns.map(({ user, assistant }) => `${user} ${assistant}`), line].join(" | ");
    },
    close: async () => {},
  };
  const onPiece: { run: () => void } = { run: () => {} };
  const session = openSession(
    prompting,
    {
      hasAdapter,
      room,
      count: (prompt) => prompt.split(" ").length,
      async *stream(prompt, { withAdapter, turn }) {
        for (const piece of [`${withAdapter ? "tuned" : "base"}${turn} `, `(${prompt})`]) yield piece;
      },
    },
    {
      note: (text) => log.push(`# ${text}`),
      piece: (text) => {
        log.push(`. ${text}`);
        onPiece.run();
      },
      answered: (text) => log.push(`= ${text}`),
      both: (adapted, base) => log.push(`with ${adapted} without ${base}`),
    },
  );
  const say = async (line: string) => {
    log.length = 0;
    const goesOn = await session.take(line);
    return goesOn ? log.filter((entry) => !entry.startsWith(".")) : "over";
  };
  return { say, session, onPiece, log };
}

test("turns are remembered, reset, and led by a system text", async () => {
  const { say } = chat();
  expect(await say("one")).toEqual(["= tuned0 (one)"]);
  expect(await say("two")).toEqual(["= tuned1 (one tuned0 (one) | two)"]);
  expect(await say("/reset")).toEqual(["# a new conversation"]);
  expect(await say("//two")).toEqual(["= tuned2 (/two)"]);
  await say("/system Be brief.");
  expect(await say("three")).toEqual(["= tuned3 (Be brief. | three)"]);
  await say("/system");
  expect(await say("four")).toEqual(["= tuned4 (four)"]);
  expect(await say("   ")).toEqual([]);
  expect(await say("/quit")).toBe("over");
});

test("with the adapter, without, and both", async () => {
  const { say } = chat({ hasHistory: false });
  expect(await say("/adapter maybe")).toEqual(["# /adapter wants on or off; it is on"]);
  await say("/adapter off");
  expect(await say("a")).toEqual(["= base0 (a)"]);
  await say("/both");
  expect(await say("b")).toEqual(["with tuned1 (b) without base1 (b)"]);
  await say("/both");
  expect(await say("c")).toEqual(["= tuned2 (c)"]);
  const alone = chat({ hasAdapter: false });
  for (const line of ["/both", "/adapter off"]) expect((await alone.say(line))[0]).toMatch(/^# there is no adapter/);
  expect(await alone.say("d")).toEqual(["= base0 (d)"]);
});

test("older turns make room, and what never fits is said", async () => {
  const { say } = chat({ room: 7 });
  await say("a b");
  await say("c"); // a b tuned0 (a b) | c
  expect(await say("d")).toEqual(["# the 2 oldest turns are left out: there is room for 7 tokens", "= tuned2 (d)"]);
  expect(await say("e")).toEqual(["= tuned3 (d tuned2 (d) | e)"]);
  expect((await say("1 2 3 4 5 6 7 8"))[0]).toMatch(/^# the prompt has 8 tokens, and there is room for 7/);
});

test("a stop ends the answer at hand, and only that", async () => {
  const { say, session, onPiece } = chat();
  expect(session.stop()).toBe(false);
  const heard: boolean[] = [];
  onPiece.run = () => void heard.push(session.stop(), session.stop());
  expect(await say("one")).toEqual(["= tuned0 ", "# stopped; Ctrl-C again leaves"]);
  expect(heard).toEqual([true, false]);
  onPiece.run = () => {};
  expect(await say("two")).toEqual(["= tuned1 (one tuned0 | two)"]);
});

test("misspelt commands and lines that cannot be asked are told, and the conversation goes on", async () => {
  const { say } = chat();
  expect(await say("/rest")).toEqual(["# no command /rest; did you mean /reset?"]);
  expect(await say("/zzzzzz")).toEqual(["# no command /zzzzzz; /help lists them"]);
  expect(await say("bad")).toEqual(["# cannot be asked"]);
  expect((await say("/help")).length).toBe(7);
});

test("two answers in two columns", () => {
  const text = sideBySide("one two three", `four \u001b[2J${"x".repeat(30)}`, 44).replace(/\u001b\[\d+m/g, "");
  expect(text.split("\n")).toEqual([
    "with the adapter      without",
    "one two three         four",
    `                      \\x1b[2J${"x".repeat(13)}`,
    `                      ${"x".repeat(17)}`,
  ]);
});
