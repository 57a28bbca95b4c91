/** Draws phrases from the open vocabulary: "a red Tavino kettle", "Ashbury", "my sister is moving house". */
import { expand } from "./grammar.js";
import { drawFirstName } from "./people.js";
import type { Pool, Stage } from "./stage.js";
import {
  ADJECTIVES,
  BRAND,
  CATEGORIES,
  type Category,
  DUTIES,
  FOODS,
  HIDEOUTS,
  type Kind,
  NUMBERS,
  OBSTACLES,
  OFFICES,
  RELATIVE_NEWS,
  RELATIVES,
  TOWN,
  USES,
} from "./words.js";

/** Invented names have few syllables to choose from: a whole-word vocabulary holds them all, and still training meets each rarely. */
const invent = (stage: Stage, parts: readonly (readonly string[])[], few: number): string =>
  parts.map((part) => stage.rng.pick<string>(part.slice(0, few))).join("");
export const drawBrand = (stage: Stage): string => invent(stage, BRAND[stage.split], 5);
export const drawTown = (stage: Stage): string => invent(stage, TOWN[stage.split], 10);

const KINDS = Object.keys(CATEGORIES) as Kind[];

export interface Thing {
  /** Without article: "red Tavino kettle". */
  name: string;
  noun: string;
  category: Category;
}

/** A thing of any category, or of those named. */
export function drawThing(stage: Stage, kinds: readonly Kind[] = KINDS): Thing {
  const category = CATEGORIES[stage.rng.pick(kinds)];
  const noun = stage.from(category.nouns);
  const form = stage.rng.below(20);
  const name = form < 5 ? noun : form < 15 ? `${stage.from(ADJECTIVES)} ${noun}` : `${drawBrand(stage)} ${noun}`;
  return { name, noun, category };
}

/** "the zip is torn" */
export const drawFault = (stage: Stage, { parts, states }: Category): string =>
  `the ${stage.rng.pick(parts)} is ${stage.rng.pick(states)}`;

/** Fills {town}, {noun}, {someone}, {relative}, {adjective}, {brand} and {number} inside a listed phrase. */
export function drawPhrase(stage: Stage, phrases: Pool<string>): string {
  const { A, B } = stage.people;
  return expand(
    stage.from(phrases),
    {
      town: drawTown(stage),
      noun: stage.from(CATEGORIES[stage.rng.pick(KINDS)].nouns),
      someone: drawFirstName(stage.split, stage.rng, new Set([A.name, B.name])).name,
      relative: stage.from(RELATIVES),
      adjective: stage.from(ADJECTIVES),
      brand: drawBrand(stage),
      number: stage.rng.pick(NUMBERS),
    },
    stage.rng,
  );
}

/** Why somebody cannot come, pay, help or wait. */
export function drawReason(stage: Stage): string {
  const form = stage.rng.below(10);
  if (form < 5) return `<my> ${stage.from(RELATIVES)} ${drawPhrase(stage, RELATIVE_NEWS)}`;
  return form < 8 ? `<I> <have> to ${drawPhrase(stage, DUTIES)}` : drawPhrase(stage, OBSTACLES);
}

export const drawUse = (stage: Stage): string => drawPhrase(stage, USES);
export const drawGift = (stage: Stage): string => drawPhrase(stage, FOODS);
export const drawHideout = (stage: Stage): string => drawPhrase(stage, HIDEOUTS);
export const drawOffice = (stage: Stage): string => drawPhrase(stage, OFFICES);
