import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchForStalls } from "./stall.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched() {
  const lines: string[] = [];
  return { lines, watch: watchForStalls({ note: (line) => lines.push(line), now: () => Date.now() }) };
}
const wait = (seconds: number) => vi.advanceTimersByTime(seconds * 1000);

test("a device that says nothing is told of after a minute, again every minute, and when it is back", () => {
  const { lines, watch } = watched();
  wait(30);
  watch.alive("update 2");
  wait(119); // patience is four times the longest so far
  expect(lines).toEqual([]);
  wait(2);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^no sign of the device for 2 min 0 s, waiting for update 2:/);
  wait(54);
  expect(lines).toHaveLength(1);
  wait(65);
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/4 min 0 s/);
  watch.alive("update 3");
  expect(lines[3]).toBe("the device answers again, after 4 min 0 s");
  wait(119); // what it took then does not count for normal
  expect(lines).toHaveLength(4);
  wait(1);
  expect(lines).toHaveLength(5);
  watch.dispose();
  wait(600);
  expect(lines).toHaveLength(5);
});

test("slow steps are no stall", () => {
  const { lines, watch } = watched();
  for (let step = 1; step < 20; step++) {
    wait(55);
    watch.alive(`update ${step}`);
  }
  wait(215);
  expect(lines).toEqual([]);
  wait(10);
  expect(lines).toHaveLength(1);
  watch.dispose();
});
