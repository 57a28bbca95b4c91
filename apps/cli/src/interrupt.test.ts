import { EventEmitter } from "node:events";
import { expect, test, vi } from "vitest";
import { listenForInterruption } from "./interrupt.js";
import { watchReaders } from "./readers.js";

function listening(graceMs = 0) {
  const source = new EventEmitter();
  const ended: number[] = [];
  let time = 0;
  const interruption = listenForInterruption({ graceMs, source, exit: (code) => void ended.push(code), now: () => time });
  return {
    ...interruption,
    ended,
    send(name: string, after = 0) {
      time += after;
      source.emit(name);
    },
    handlers: () => source.eventNames().length,
  };
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
])("the first %s asks to stop; what a terminal and the launcher both hand on is one", (name, code) => {
  const { signal, ended, send, dispose, handlers } = listening();
  send(name);
  send(name, 20);
  send("SIGTERM", 200);
  expect(signal.reason).toMatchObject({ signal: name });
  expect(ended).toEqual([]);
  // a second one ends at once; that the terminal is closed was known before
  send(name, 400);
  expect(ended).toEqual(name === "SIGHUP" ? [] : [code]);
  dispose();
  expect(handlers()).toBe(0);
});

test("Ctrl-C ends at once what a closed terminal asked to stop", () => {
  const { ended, send, dispose } = listening();
  send("SIGHUP");
  send("SIGINT", 5000);
  expect(ended).toEqual([130]);
  dispose();
});

test("SIGTERM gives a run its grace time, Ctrl-C all the time", () => {
  vi.useFakeTimers();
  try {
    const asked = listening(30_000);
    asked.send("SIGTERM");
    vi.advanceTimersByTime(29_999);
    expect(asked.ended).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(asked.ended).toEqual([143]);
    const typed = listening(30_000);
    typed.send("SIGINT");
    const inTime = listening(30_000);
    inTime.send("SIGTERM");
    inTime.dispose();
    vi.advanceTimersByTime(600_000);
    expect([typed.ended, inTime.ended]).toEqual([[], []]);
    for (const one of [asked, typed]) one.dispose();
  } finally {
    vi.useRealTimers();
  }
});

test("a lost reader ends what only prints, and nothing that is to be put in order", () => {
  const [stdout, stderr] = [new EventEmitter(), new EventEmitter()];
  const ended: number[] = [];
  const lose = (stream: EventEmitter, code: string) => stream.emit("error", Object.assign(new Error(code), { code }));
  watchReaders(stdout, stderr, (code) => void ended.push(code));
  lose(stderr, "EPIPE");
  expect(ended).toEqual([]);
  lose(stdout, "EPIPE");
  lose(stdout, "ENOSPC");
  expect(ended).toEqual([0, 5]);
  const { dispose } = listening();
  for (const stream of [stdout, stderr]) lose(stream, "EPIPE");
  expect(ended).toEqual([0, 5]);
  dispose();
  lose(stdout, "EPIPE");
  expect(ended).toEqual([0, 5, 0]);
});
