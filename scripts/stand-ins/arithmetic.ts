// Arithmetic stories of our own in two or three steps, with worked answers.
import type { Rng } from "../bundled/prng.js";
import { GOODS, NAMES } from "./facts.js";

export interface Story {
  question: string;
  /** The steps, a line each; `marked` has calculator marks <<2+3=5>> as GSM8K does. */
  plain: string;
  marked: string;
  answer: number;
}

interface Step {
  text: string;
  /** The calculation, as a calculator takes it, and its value. */
  sum: string;
  value: number;
  unit: string;
}

type Write = (rng: Rng, who: string, other: string, what: string) => { question: string; steps: Step[] };
const upTo = (rng: Rng, most: number): number => 2 + rng.below(most - 1);

const STORIES: readonly Write[] = [
  (rng, who, other, what) => {
    const [first, more, gone] = [upTo(rng, 40), upTo(rng, 30), upTo(rng, 12)];
    return {
      question: `${who} has ${first + gone} ${what} and buys ${more} more. Then ${who} gives ${gone} of them to ${other}. How many ${what} does ${who} have now?`,
      steps: [
        { text: `After buying, ${who} has`, sum: `${first + gone}+${more}`, value: first + gone + more, unit: what },
        { text: `After the gift, ${who} has`, sum: `${first + gone + more}-${gone}`, value: first + more, unit: what },
      ],
    };
  },
  (rng, who, _, what) => {
    const [boxes, each, loose] = [upTo(rng, 12), upTo(rng, 12), upTo(rng, 20)];
    return {
      question: `${who} packs ${boxes} boxes with ${each} ${what} in each, and ${loose} ${what} are left over. How many ${what} are there in all?`,
      steps: [
        { text: "In the boxes there are", sum: `${boxes}*${each}`, value: boxes * each, unit: what },
        { text: "In all there are", sum: `${boxes * each}+${loose}`, value: boxes * each + loose, unit: what },
      ],
    };
  },
  (rng, who, other, what) => {
    const [share, people] = [upTo(rng, 15), upTo(rng, 8)];
    return {
      question: `${who} and ${other} collect ${share * people} ${what} and share them equally with friends, so that ${people} people get some. How many ${what} does each of them get?`,
      steps: [{ text: "Each of them gets", sum: `${share * people}/${people}`, value: share, unit: what }],
    };
  },
  (rng, who, other, what) => {
    const [price, count, paid] = [upTo(rng, 9), upTo(rng, 9), 100];
    return {
      question: `${who} buys ${count} ${what} for ${other}. One costs ${price} coins. How many coins are left of ${paid}?`,
      steps: [
        { text: "All of them cost", sum: `${count}*${price}`, value: count * price, unit: "coins" },
        { text: "What is left is", sum: `${paid}-${count * price}`, value: paid - count * price, unit: "coins" },
      ],
    };
  },
  (rng, who, other, what) => {
    const [own, times] = [upTo(rng, 15), upTo(rng, 5)];
    return {
      question: `${who} has ${own} ${what}. ${other} has ${times} times as many. How many ${what} do they have together?`,
      steps: [
        { text: `${other} has`, sum: `${times}*${own}`, value: times * own, unit: what },
        { text: "Together they have", sum: `${own}+${times * own}`, value: own + times * own, unit: what },
      ],
    };
  },
];

/** Stories in turn, none twice. */
export function makeStories(count: number, rng: Rng): Story[] {
  const found = new Map<string, Story>();
  while (found.size < count) {
    const [who, other] = rng.shuffled(NAMES) as [string, string];
    const { question, steps } = STORIES[found.size % STORIES.length]!(rng, who, other, rng.pick(GOODS));
    const line = ({ text, sum, value, unit }: Step, mark: string) => `${text} ${sum} = ${mark}${value} ${unit}.`;
    found.set(question, {
      question,
      plain: steps.map((step) => line(step, "")).join(" "),
      marked: steps.map((step) => line(step, `<<${step.sum}=${step.value}>>`)).join("\n"),
      answer: steps.at(-1)!.value,
    });
  }
  return [...found.values()];
}
