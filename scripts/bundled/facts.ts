/** Facts that many frames share: days, times, prices, reasons, promises. Closed classes (days, hours) serve both splits. */
import type { Rng } from "./prng.js";
import { type Pool, pool, type Stage } from "./stage.js";

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HALVES = ["morning", "afternoon", "evening"];

/** "Friday", "Friday morning", "Friday at 3 pm". */
export function drawWhen(rng: Rng): string {
  const day = rng.pick(WEEKDAYS);
  const form = rng.below(3);
  return form === 0 ? day : form === 1 ? `${day} ${rng.pick(HALVES)}` : `${day} at ${drawHour(rng)}`;
}

export const drawDay = (rng: Rng): string => rng.pick(WEEKDAYS);

export function drawHour(rng: Rng): string {
  const hour = 1 + rng.below(11);
  return rng.chance(0.3) ? `${hour}:${rng.pick(["15", "30", "45"])}` : `${hour} ${hour < 8 ? "pm" : "am"}`;
}

/** Several different moments, in no order. */
export function drawDistinct(count: number, draw: () => string): string[] {
  const out: string[] = [];
  while (out.length < count) {
    const value = draw();
    if (!out.some((other) => other.split(" ")[0] === value.split(" ")[0])) out.push(value);
  }
  return out;
}

export const drawPrice = (rng: Rng): string =>
  `$${rng.pick([4, 6, 8, 9, 12, 15, 18, 20, 24, 25, 30, 35, 40, 45, 48, 60, 75, 80, 90, 120])}`;
export const drawOrder = (rng: Rng): string => String(10000 + rng.below(90000));
export const drawPercent = (rng: Rng): string => `${rng.pick([10, 15, 20, 25, 30, 40, 50])} percent`;
export const NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"];

/** Why somebody cannot come, pay, help or wait. */
export const HINDRANCES: Pool<string> = pool(
  [
    "<my> train is late",
    "<my> daughter is ill",
    "<I> <have> to work late",
    "<my> car won't start",
    "<my> boss moved a meeting",
    "<my> flight was delayed",
    "<my> mother is visiting",
    "a pipe burst in the kitchen",
    "<I> <have> a fever",
    "<my> babysitter cancelled",
    "<my> exam was moved",
    "the roads are icy",
    "<my> cousin is getting married",
    "<my> knee still hurts",
    "<I> <am> moving house",
    "the bus drivers are on strike",
    "<I> <have> a deadline at work",
    "<my> dog needs an operation",
    "<my> sister is having a baby",
    "<I> lost <my> keys",
    "<my> husband's parents are coming",
    "<I> <have> to go to court",
    "the school is closed that day",
    "<my> back is sore",
    "<I> <am> on a business trip",
    "<my> brother needs help with the move",
    "there is a storm warning",
    "<my> shift starts earlier now",
    "<I> <have> guests from abroad",
    "the heating in the house broke down",
    "<my> phone was stolen",
    "<I> already promised to help a colleague",
  ],
  [
    "<my> bicycle was stolen",
    "the bridge is closed",
    "a neighbour needs a lift to the hospital",
    "<my> tooth aches",
    "<I> <have> to meet a visitor at the airport",
    "the lift in the building is broken",
    "<my> landlord wants to inspect the flat",
    "<my> nephew has a concert",
    "<I> twisted <my> ankle",
    "the ferry is not running",
    "<I> <have> to finish a tax form",
  ],
);

/** What the helper promises; no pronoun inside, so it is told as it was said. */
export const PROMISES: Pool<string> = pool(
  [
    "send a confirmation by email",
    "update the calendar",
    "text the new details",
    "put a note in the file",
    "call back with the details",
    "tell the front desk",
    "send a reminder the day before",
    "change it in the system",
    "let the team know",
    "print a new form",
    "leave a message for the manager",
    "send the link again",
  ],
  [
    "post a letter today",
    "inform the driver",
    "write it on the board",
    "ring the office",
    "mail a new card",
    "hand the papers to the assistant",
  ],
);

export const LATER: Pool<string> = pool(
  [
    "tomorrow morning",
    "this evening",
    "by noon",
    "within the hour",
    "after lunch",
    "before the weekend",
    "next week",
    "later today",
  ],
  ["at the end of the day", "in half an hour", "once the shop closes", "early tomorrow"],
);

export const AUTHORITIES: Pool<string> = pool(
  [
    "the manager",
    "the head office",
    "a colleague",
    "the doctor",
    "the supplier",
    "the owner",
    "the accounts team",
    "the technician",
  ],
  ["the director", "the warehouse", "the insurance", "the foreman"],
);

const SHOP_HEAD = pool(
  [
    "Bright",
    "Clear",
    "Silver",
    "Golden",
    "Blue",
    "Sunny",
    "North",
    "River",
    "Maple",
    "Stone",
    "Star",
    "Cedar",
    "Lake",
    "Summit",
    "Harbour",
    "Green",
  ],
  ["Copper", "Willow", "Amber", "Falcon", "Velvet"],
);
const SHOP_TAIL = pool(
  ["water", "field", "line", "gate", "point", "way", "view", "bridge", "side", "hill", "land", "port"],
  ["brook", "crest", "haven", "mark"],
);

/** "Brightwater": the business that staff work for. */
export const drawShop = (stage: Stage): string => stage.from(SHOP_HEAD) + stage.from(SHOP_TAIL);
