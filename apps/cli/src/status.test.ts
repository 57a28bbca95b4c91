import { expect, test, vi } from "vitest";
import { createStatus } from "./status.js";

function stream(isTTY: boolean, columns = 40) {
  let text = "";
  const write = (part: string) => {
    text += part;
    return true;
  };
  return { stream: { isTTY, columns, write } as unknown as NodeJS.WriteStream, text: () => text };
}

test("on a terminal: redrawn in place, cut to its width, at most ten times a second", () => {
  vi.stubEnv("CI", "");
  vi.stubEnv("TERM", "xterm");
  let time = 0;
  const { stream: out, text } = stream(true, 12);
  const status = createStatus({ stream: out, now: () => time });
  status.update("step 1 of many");
  time = 50;
  status.update("step 2");
  time = 150;
  status.update("step 3\u001b[2J");
  status.log("saved");
  status.done("end");
  const clear = "\r\u001b[2K";
  expect(text()).toBe(`${clear}step 1 of …${clear}step 3\\x1b…${clear}saved\n${clear}step 3\\x1b…${clear}end\n`);
  vi.unstubAllEnvs();
});

test("several lines are redrawn in place; a terminal that becomes narrower is cleared of the rows that its lines then took", () => {
  vi.stubEnv("CI", "");
  vi.stubEnv("TERM", "xterm");
  let time = 0;
  let resize = () => {};
  let text = "";
  const out = {
    isTTY: true,
    columns: 21,
    rows: 3,
    write(part: string) {
      text += part;
    },
    on(_: string, listener: () => void) {
      resize = listener;
    },
    off() {
      resize = () => {};
    },
  };
  const status = createStatus({ stream: out as unknown as NodeJS.WriteStream, now: () => time });
  const view = (first: string) => ({ lines: (width: number) => [first, "-".repeat(width), "below"], plain: first });
  const drawn = (act: () => void) => {
    text = "";
    act();
    return text;
  };
  const [line, above] = ["\r\u001b[2K", "\u001b[1A\u001b[2K"];
  // of three lines two: the terminal has three rows, and the cursor needs one
  expect(drawn(() => status.update(view("one")))).toBe(`${line}one\n${"-".repeat(20)}`);
  time = 200;
  expect(drawn(() => status.update(view("two")))).toBe(`${line}${above}two\n${"-".repeat(20)}`);
  out.columns = 11;
  expect(drawn(() => resize())).toBe(`${line}${above}${above}two\n${"-".repeat(10)}`); // twenty dashes stood on two rows
  expect(drawn(() => status.log("saved"))).toBe(`${line}${above}saved\n${line}two\n${"-".repeat(10)}`);
  expect(drawn(() => status.done())).toBe(line + above);
  expect(drawn(() => resize())).toBe("");
  vi.unstubAllEnvs();
});

test("in a pipe: plain lines, now and then", () => {
  let time = 0;
  const { stream: out, text } = stream(false);
  const status = createStatus({ stream: out, now: () => time, plainEveryMs: 1000 });
  for (time = 0; time < 2500; time += 100) status.update(`at ${time}`);
  status.log("saved");
  status.done();
  expect(text()).toBe("at 0\nat 1000\nat 2000\nsaved\n");
});
