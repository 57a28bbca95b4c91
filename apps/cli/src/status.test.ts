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

test("in a pipe: plain lines, now and then", () => {
  let time = 0;
  const { stream: out, text } = stream(false);
  const status = createStatus({ stream: out, now: () => time, plainEveryMs: 1000 });
  for (time = 0; time < 2500; time += 100) status.update(`at ${time}`);
  status.log("saved");
  status.done();
  expect(text()).toBe("at 0\nat 1000\nat 2000\nsaved\n");
});
