import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { RunningSubmits } from "./runningSubmits.js";

it("takes submits that end while nobody looks together, so that none seems to take no time", async () => {
  const ends: (() => void)[] = [];
  const queue = { onSubmittedWorkDone: () => new Promise<undefined>((resolve) => ends.push(() => resolve(undefined))) };
  let signs = 0;
  const running = new RunningSubmits(queue, () => signs++);
  running.follow(10);
  running.follow();
  running.follow(30);
  await sleep(20);
  expect(running.takeDone()).toEqual({ work: 0, milliseconds: 0 });
  for (const end of ends) end();
  await sleep(0);
  const { work, milliseconds } = running.takeDone();
  expect([work, running.count, signs]).toEqual([40, 0, 3]);
  expect(milliseconds).toBeGreaterThan(15);
  expect(running.takeDone()).toEqual({ work: 0, milliseconds: 0 });
});
