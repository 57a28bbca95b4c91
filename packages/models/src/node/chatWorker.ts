// The thread of chatTemplate.ts: a stranger's Jinja program runs here, where it can be ended.

import { parentPort, workerData } from "node:worker_threads";
import { Template } from "@huggingface/jinja";

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
let template: Template | undefined;

parentPort!.on("message", ({ id, variables }: ChatRequest) => {
  try {
    template ??= new Template(source);
    const text = template.render(variables);
    const answer: ChatAnswer =
      text.length > maxOutput ? { id, failed: `writes more than ${maxOutput} characters` } : { id, text };
    parentPort!.postMessage(answer);
  } catch (error) {
    parentPort!.postMessage({ id, failed: String((error as Error).message) } satisfies ChatAnswer);
  }
});
