// The thread of chatTemplate.ts: a stranger's Jinja program runs here, where it can be ended.

import { parentPort, workerData } from "node:worker_threads";
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";

export interface ChatSetup {
  source: string;
  /** Longest text, in characters. */
  maxOutput: number;
}
export interface ChatRequest {
  id: number;
  variables: Record<string, unknown>;
}
export type ChatAnswer = { id: number; text: string } | { id: number; failed: string };

const { source, maxOutput } = workerData as ChatSetup;
let program: ReturnType<typeof parse> | undefined;

/** Items of a range: more than any conversation has. One huge list would end the process, which no limit on a thread's heap prevents. */
const MOST_ITEMS = 100_000;

/** Python's range, which ends. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= MOST_ITEMS)) throw new Error(`a range of ${count} items, more than ${MOST_ITEMS}`);
  return Array.from({ length: count }, (_, i) => from + i * step);
}

/** Python's strftime of now, for the codes that templates use. */
function now(format: string): string {
  const date = new Date();
  const two = (value: number): string => String(value).padStart(2, "0");
  const named = (options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat("en-US", options).format(date);
  const codes: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    H: () => two(date.getHours()),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    B: () => named({ month: "long" }),
    b: () => named({ month: "short" }),
    A: () => named({ weekday: "long" }),
    a: () => named({ weekday: "short" }),
    "%": () => "%",
  };
  return format.replace(/%(.)/g, (whole, code: string) => codes[code]?.() ?? whole);
}

const GLOBALS = {
  false: false, true: true, none: null, False: false, True: true, None: null,
  range, strftime_now: now,
  raise_exception(message: string): never {
    throw new Error(message);
  },
}; // biome-ignore format: by subject

/** As the library's Template does it, but for range. */
function render(variables: Readonly<Record<string, unknown>>): string {
  program ??= parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
  return String(new Interpreter(environment).run(program).value);
}

parentPort!.on("message", ({ id, variables }: ChatRequest) => {
  try {
    const text = render(variables);
    const answer: ChatAnswer =
      text.length > maxOutput ? { id, failed: `writes more than ${maxOutput} characters` } : { id, text };
    parentPort!.postMessage(answer);
  } catch (error) {
    parentPort!.postMessage({ id, failed: String((error as Error).message) } satisfies ChatAnswer);
  }
});
