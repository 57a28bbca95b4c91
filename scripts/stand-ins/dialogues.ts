// The bundled scenes in the forms of DialogSum, SAMSum and SQuAD.
import { type Dialogue, makeDialogues } from "../bundled/dialogues.js";

/** Speakers without names, as DialogSum has them. */
export function dialogsumRow({ dialogue, summary, topic }: Dialogue, fname: string): Record<string, string> {
  const speakers = speakersOf(dialogue);
  const hidden = (text: string) =>
    speakers.reduce((whole, name, i) => whole.replace(new RegExp(`\\b${name}\\b`, "g"), `#Person${i + 1}#`), text);
  return { fname, dialogue: hidden(dialogue), summary: hidden(summary), topic };
}

export const speakersOf = (dialogue: string): string[] => [
  ...new Set([...dialogue.matchAll(/^([^:\n]+):/gm)].map(([, name]) => name!)),
];

/** id,dialogue,summary with quoted fields; lines of a dialogue end in \r\n, as in the original. */
export function samsumFile(count: number, seed: number): string {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const rows = makeDialogues("train", count, seed).map(
    ({ dialogue, summary }, i) =>
      `${13_000_000 + seed * 1000 + i},${quoted(dialogue.replaceAll("\n", "\r\n"))},${quoted(summary)}\n`,
  );
  return `id,dialogue,summary\n${rows.join("")}`;
}

interface Answer {
  answer_start: number;
  text: string;
}

const WEEKDAY = /\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b/g;

/** SQuAD v1.1: articles of dialogues as contexts; each answer stands in its context. */
export function squadFile(count: number, seed: number): object {
  const articles = new Map<string, object[]>();
  makeDialogues("train", count, seed).forEach(({ dialogue, topic }, i) => {
    const [first, second] = speakersOf(dialogue) as [string, string];
    const days = [...dialogue.matchAll(WEEKDAY)].map(([day]) => day);
    const asked: [string, string | undefined][] = [
      ["Who speaks first?", first],
      [`With whom does ${first} talk?`, second],
      ["Which day is named first?", days[0]],
      ["Which day is named last?", days.length > 1 ? days.at(-1) : undefined],
      ["What is the talk about?", topic],
    ];
    const qas = asked.flatMap(([question, text], k) => {
      const at = text === undefined ? -1 : question.includes("last") ? dialogue.lastIndexOf(text) : dialogue.indexOf(text);
      if (text === undefined || at < 0) return [];
      const answer: Answer = { answer_start: at, text };
      return [{ answers: [answer], question, id: `stand-in-${i}-${k}` }];
    });
    const title = topic.replaceAll(" ", "_");
    articles.set(title, [...(articles.get(title) ?? []), { context: dialogue, qas }]);
  });
  return { data: [...articles].map(([title, paragraphs]) => ({ title, paragraphs })), version: "1.1" };
}
