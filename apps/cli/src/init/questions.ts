// Questions on a terminal, one line each, with what Enter alone would mean. Node's own readline is all that it takes.
import { createInterface, type Interface } from "node:readline";
import { interruptedError } from "../errors.js";
import { errColor } from "../terminal.js";

export interface Asker {
  /** Asks until `check` has nothing to object to. Empty answers mean `fallback`, where there is one. */
  ask(question: string, fallback?: string, check?: (answer: string) => string | null | Promise<string | null>): Promise<string>;
  choose<Choice extends string>(question: string, choices: readonly Choice[], fallback: Choice): Promise<Choice>;
  close(): void;
}

export function openAsker(input: NodeJS.ReadableStream = process.stdin, output: NodeJS.WritableStream = process.stderr): Asker {
  const lines = createInterface({ input, output });
  const next = lineReader(lines);
  const asker: Asker = {
    async ask(question, fallback, check = () => null) {
      for (;;) {
        const answer = (await next(`${question}${fallback ? errColor.dim(` (${fallback})`) : ""}: `)).trim() || fallback;
        if (!answer) continue;
        const fault = await check(answer);
        if (fault === null) return answer;
        output.write(`  ${fault}\n`);
      }
    },
    async choose(question, choices, fallback) {
      const answer = await asker.ask(`${question} [${choices.join("/")}]`, fallback, (text) =>
        matching(text, choices) ? null : `please one of ${choices.join(", ")}`,
      );
      return matching(answer, choices)!;
    },
    close: () => lines.close(),
  };
  return asker;
}

/** "l" is enough for "lora", where nothing else begins with it. */
function matching<Choice extends string>(text: string, choices: readonly Choice[]): Choice | undefined {
  const begin = choices.filter((choice) => choice.startsWith(text.toLowerCase()));
  return choices.find((choice) => choice === text) ?? (begin.length === 1 ? begin[0] : undefined);
}

/** Lines as they come, also those that are pasted before they are asked for. Ctrl-C and the end of input stop the questions. */
function lineReader(lines: Interface): (question: string) => Promise<string> {
  const early: string[] = [];
  let waiting: { resolve(line: string): void; reject(error: Error): void } | null = null;
  let isOver = false;
  const stopped = () => interruptedError("SIGINT", "stopped; nothing was written");
  lines.on("line", (line) => {
    if (waiting) waiting.resolve(line);
    else early.push(line);
    waiting = null;
  });
  lines.on("SIGINT", () => lines.close());
  lines.on("close", () => {
    isOver = true;
    waiting?.reject(stopped());
  });
  return (question) => {
    lines.setPrompt(question);
    lines.prompt();
    const line = early.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (isOver) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      waiting = { resolve, reject };
    });
  };
}
