/** Facts that many frames share: days, times, prices, reasons, promises. Closed classes (days, hours) serve both splits. */

import { drawBrand, drawPhrase, drawTown } from "./compose.js";
import type { Rng } from "./prng.js";
import { pool, type Stage } from "./stage.js";
import { NUMBERS } from "./words.js";

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

const DOCUMENTS = pool(
  [
    "a confirmation",
    "the form",
    "the receipt",
    "a map",
    "the new date",
    "a reminder",
    "the list",
    "the link",
    "a voucher",
    "the bill",
    "a note",
    "the contract",
  ],
  ["a letter", "the certificate", "a timetable", "the code"],
);
const WAYS = pool(
  ["by email", "by post", "to {town}", "to {someone}", "by fax", "by courier", "with {someone}", "to the office in {town}"],
  ["by text", "by hand to {someone}", "to the branch in {town}"],
);
const ERRANDS = pool(
  [
    "tell {someone}",
    "call {someone} about it",
    "ask {someone} to help",
    "put a note on the {noun}",
    "bring the {noun}",
    "clean the {noun} first",
    "let {someone} know",
    "move the {noun}",
    "keep the {noun} ready",
  ],
  ["ring {someone}", "inform {someone} in {town}", "fetch the {noun}"],
);

/** What the helper promises; no pronoun inside, so it is told as it was said: "send the form to Ashbury". */
export const drawPromise = (stage: Stage): string =>
  stage.rng.chance(0.5) ? `send ${stage.from(DOCUMENTS)} ${drawPhrase(stage, WAYS)}` : drawPhrase(stage, ERRANDS);

const LATER = pool(
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

/** "tomorrow morning", "on Friday", "by 4 pm", "in six days". */
export function drawLater(stage: Stage): string {
  const form = stage.rng.below(5);
  if (form === 0) return `on ${drawDay(stage.rng)}`;
  if (form === 1) return `by ${drawHour(stage.rng)}`;
  if (form === 2) return `in ${stage.rng.pick(NUMBERS)} ${stage.rng.pick(["hours", "days", "weeks"])}`;
  return stage.from(LATER);
}

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

/** The business that staff work for: "Brightwater", "Tavinox", "Ashbury Station". */
export function drawShop(stage: Stage): string {
  const form = stage.rng.below(3);
  if (form === 0) return drawBrand(stage);
  if (form === 1) return stage.from(SHOP_HEAD) + stage.from(SHOP_TAIL);
  return `${drawTown(stage)} ${stage.from(SHOP_KIND)}`;
}
const SHOP_KIND = pool(
  ["Station", "Hotel", "Market", "Clinic", "Library", "Sports Centre", "Garage", "Theatre", "Bank"],
  ["Museum", "Harbour", "Pharmacy"],
);
