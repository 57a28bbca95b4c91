// Questions with reasons, in the seven forms of FLAN's chain-of-thought collection: yes or no, options, two sentences, arithmetic.
import type { Rng } from "../bundled/prng.js";
import type { Story } from "./arithmetic.js";
import { ANIMALS, THINGS, withArticle } from "./facts.js";

export interface Reasoned {
  question: string;
  answer: string;
  reason: string;
}

const LETTERS = "ABCDEFGH";
const options = (values: readonly string[]): string =>
  `Options:\n${values.map((value, i) => `- (${LETTERS[i]}) ${value}`).join("\n")}`;
const letterOf = (values: readonly string[], value: string): string => `(${LETTERS[values.indexOf(value)]})`;

/** Yes or no, from two facts. */
function legs(rng: Rng): Reasoned {
  const [one, other] = rng.shuffled(ANIMALS) as [(typeof ANIMALS)[0], (typeof ANIMALS)[0]];
  const isMore = one.legs > other.legs;
  const asked = rng.pick(["Does", "Is it true that"]);
  const [first, second] = [withArticle(one.name), withArticle(other.name)];
  return {
    question:
      asked === "Does"
        ? `Does ${first} have more legs than ${second}?`
        : `Is it true that ${first} has more legs than ${second}?`,
    answer: isMore ? "yes" : "no",
    reason: `The number of legs of ${first} is ${one.legs}. The number of legs of ${second} is ${other.legs}. ${one.legs} is ${isMore ? "more than" : one.legs === other.legs ? "the same as" : "less than"} ${other.legs}.`,
  };
}

/** A claim, and whether it is right. */
function claim(rng: Rng): Reasoned {
  const { name, home } = rng.pick(ANIMALS);
  const isTrue = rng.chance(0.5);
  const said = isTrue ? home : rng.pick(ANIMALS.filter((animal) => animal.home !== home)).home;
  const wording = rng.pick(["Claim: ", ""]);
  return {
    question: `${wording}"You look for ${withArticle(name)} in ${said}."\nIs the claim above correct?\nOptions:\n- yes\n- no`,
    answer: isTrue ? "yes" : "no",
    reason: `The home of ${withArticle(name)} is ${home}.`,
  };
}

/** Which thing is of use. */
function useOf(rng: Rng): Reasoned {
  const values = rng.shuffled(THINGS).slice(0, 5);
  const wanted = rng.pick(values);
  const names = values.map(({ name }) => name);
  return {
    question: `What would you take to ${wanted.use}?\n${options(names)}`,
    answer: letterOf(names, wanted.name),
    reason: `${sentence(withArticle(wanted.name))} is made to ${wanted.use}. It is found in ${wanted.place}.`,
  };
}

/** Which animal has a skill. */
function skill(rng: Rng): Reasoned {
  const values = rng.shuffled(ANIMALS).slice(0, 8);
  const wanted = rng.pick(values);
  const names = values.map(({ name }) => name);
  return {
    question: `Which animal is known to ${wanted.skill}?\n${options(names)}`,
    answer: letterOf(names, wanted.name),
    reason: `${sentence(withArticle(wanted.name))} can ${wanted.skill}.`,
  };
}

/** Which of two sentences makes no sense. */
function sense(rng: Rng): Reasoned {
  const { name, use, nonsense } = rng.pick(THINGS);
  const who = rng.pick(["He", "She", "My uncle", "The neighbour"]);
  const isFirst = rng.chance(0.5);
  const [good, bad] = [use, nonsense].map((what) => `"${who} took ${withArticle(name)} to ${what}."`);
  const [a, b] = isFirst ? [bad, good] : [good, bad];
  return {
    question: `Which of the following two sentences does not make sense?\nOptions:\n- Sentence A: ${a}\n- Sentence B: ${b}`,
    answer: isFirst ? "Sentence A" : "Sentence B",
    reason: `Nobody can ${nonsense} with ${withArticle(name)}.`,
  };
}

/** A story with five answers to choose from. */
function chosen({ question, plain, answer }: Story, rng: Rng): Reasoned {
  const others = new Set([answer]);
  while (others.size < 5) others.add(Math.max(1, answer + rng.below(21) - 10));
  const values = rng.shuffled([...others].map(String));
  return { question: `${question}\n${options(values)}`, answer: letterOf(values, String(answer)), reason: plain };
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** None twice, for as long as the facts last. */
function several(make: (rng: Rng) => Reasoned, count: number, rng: Rng): Reasoned[] {
  const found = new Map<string, Reasoned>();
  for (let tries = 0; found.size < count && tries < 20 * count; tries++) {
    const one = make(rng);
    found.set(one.question, one);
  }
  return [...found.values()];
}

/** By the files' names. */
export function makeReasons(count: number, stories: readonly Story[], rng: Rng): Record<string, Reasoned[]> {
  return {
    aqua_train: stories.slice(0, count).map((story) => chosen(story, rng)),
    creak_train: several(claim, count, rng),
    ecqa_train: several(useOf, count, rng),
    gsm8k_train: stories
      .slice(-count)
      .map(({ question, plain, answer }) => ({ question, answer: String(answer), reason: plain })),
    qasc_train: several(skill, count, rng),
    sensemaking_train: several(sense, count, rng),
    strategyqa_train: several(legs, count, rng),
  };
}
