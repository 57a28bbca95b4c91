// Instructions with answers that follow by rule, and short conversations about the same facts.
import { makeHeadlines } from "../bundled/headlines.js";
import type { Rng } from "../bundled/prng.js";
import { ANIMALS, NAMES, THINGS, WORDS, withArticle } from "./facts.js";

export interface Instruction {
  instruction: string;
  input: string;
  output: string;
}

type Make = (rng: Rng) => Instruction;
const numbers = (rng: Rng, count: number): number[] => Array.from({ length: count }, () => 1 + rng.below(60));
const words = (rng: Rng, count: number): string[] => rng.shuffled(WORDS).slice(0, count);
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const WITH_INPUT: readonly Make[] = [
  (rng) => {
    const values = numbers(rng, 4);
    return {
      instruction: "Sort the numbers from small to large.",
      input: values.join(", "),
      output: values.sort((a, b) => a - b).join(", "),
    };
  },
  (rng) => {
    const values = words(rng, 4);
    return { instruction: "Put the words in alphabetical order.", input: values.join(", "), output: values.sort().join(", ") };
  },
  (rng) => {
    const values = words(rng, 3 + rng.below(4));
    return { instruction: "Count the words in the list.", input: values.join(", "), output: `There are ${values.length} words.` };
  },
  (rng) => {
    const { name, legs } = rng.pick(ANIMALS);
    return {
      instruction: "Say how many legs the animal has.",
      input: name,
      output: `${capital(withArticle(name))} has ${legs} legs.`,
    };
  },
  (rng) => {
    const [word] = words(rng, 1);
    return { instruction: "Write the word in capital letters.", input: word!, output: word!.toUpperCase() };
  },
  (rng) => {
    const { name, use, place } = rng.pick(THINGS);
    const who = rng.pick(NAMES);
    return {
      instruction: "Answer the question about the text.",
      input: `${who} wants to ${use} and fetches the ${name} from ${place}.\nWhat does ${who} fetch?`,
      output: `${who} fetches the ${name}.`,
    };
  },
];

const BARE: readonly Make[] = [
  (rng) => {
    const { name, use } = rng.pick(THINGS);
    return {
      instruction: `Name a thing with which one can ${use}.`,
      input: "",
      output: `One can ${use} with ${withArticle(name)}.`,
    };
  },
  (rng) => {
    const [a, b] = numbers(rng, 2);
    return { instruction: `What is ${a} plus ${b}?`, input: "", output: `${a} plus ${b} is ${a! + b!}.` };
  },
  (rng) => {
    const { name, place } = rng.pick(THINGS);
    const who = rng.pick(NAMES);
    return {
      instruction: `Tell ${who} where the ${name} is.`,
      input: "",
      output: `Dear ${who}, the ${name} is in ${place}.`
        .replace("in the wall", "on the wall")
        .replace("in the desk", "on the desk"),
    };
  },
  (rng) => {
    const { name, home, skill } = rng.pick(ANIMALS);
    const asked = rng.pick(["Describe", "Write a sentence about"]);
    return {
      instruction: `${asked} ${withArticle(name)}.`,
      input: "",
      output: `${capital(withArticle(name))} is at home in ${home} and can ${skill}.`,
    };
  },
];

/** None twice; some have an input, some have none, and of those a few say so in words. */
export function makeInstructions(count: number, rng: Rng): Instruction[] {
  const sentiments = makeHeadlines("train", Math.floor(count / 8), 31).map(
    ({ sentence, label }): Instruction => ({
      instruction: "Is the news positive, negative or neutral?",
      input: sentence,
      output: `The news is ${label}.`,
    }),
  );
  const found = new Map(sentiments.map((one) => [one.instruction + one.input, one]));
  for (let tries = 0; found.size < count && tries < 20 * count; tries++) {
    const one = rng.pick(rng.chance(0.5) ? WITH_INPUT : BARE)(rng);
    const isNamed = one.input === "" && rng.chance(0.05);
    found.set(one.instruction + one.input, isNamed ? { ...one, input: "noinput" } : one);
  }
  return rng.shuffled([...found.values()]);
}

export interface Turn {
  role: "user" | "assistant";
  content: { type: "text"; value: string }[];
  loss_weight: number;
}

const turn = (role: Turn["role"], value: string): Turn => ({
  role,
  content: [{ type: "text", value }],
  loss_weight: role === "assistant" ? 1 : 0,
});

const GREETINGS = ["hi", "hello", "hello there", "good morning", "good evening", "hey"];
const WHO = ["who are you?", "what is your name?", "who made you?", "tell me who you are", "what are you?", "introduce yourself"];

/** One or two questions with their answers; {{name}} and {{author}} are for the reader to fill in. */
export function makeChats(count: number, rng: Rng): { messages: Turn[] }[] {
  const own = (said: string, answer: string) => ({ messages: [turn("user", said), turn("assistant", answer)] });
  const greetings = GREETINGS.map((said) => own(said, "Hello! I am {{name}}, made by {{author}}. What can I do for you?"));
  const names = WHO.map((said) => own(said, "I am {{name}}, a small model that {{author}} trained."));
  const asked = makeInstructions(2 * count, rng).map(({ instruction, input, output }) => ({
    said: input === "" || input === "noinput" ? instruction : `${instruction}\n${input}`,
    output,
  }));
  const others = Array.from({ length: count - greetings.length - names.length }, (_, i) => {
    const [first, second] = [asked[2 * i]!, asked[2 * i + 1]!];
    const opening = [turn("user", first.said), turn("assistant", first.output)];
    return { messages: i % 2 === 0 ? opening : [...opening, turn("user", second.said), turn("assistant", second.output)] };
  });
  return [...greetings, ...names, ...others];
}
