// A model's own chat template (tokenizer_config.json, chat_template.jinja), rendered in a thread with limits on time, memory and output:
// it is a program of a stranger, and Jinja has no limit on steps.

import type { Worker } from "node:worker_threads";
import { dataError, printable } from "../errors.js";
import { decodeUtf8, type FileSource, readJsonObject } from "../source.js";
import type { ChatMessage } from "../text/chat.js";
import type { ChatAnswer, ChatRequest, ChatSetup } from "./chatWorker.js";
import { startThread } from "./thread.js";

export interface ChatTemplateOptions {
  /** For one conversation. Default 10 s. */
  timeoutMs?: number;
  /** Default 256 MiB. */
  maxHeapMb?: number;
  /** Characters. Default 4 Mi. */
  maxOutput?: number;
}

export interface ChatRenderer {
  /** The prompt up to where the assistant answers. Throws (data) where the template refuses, hangs or writes too much. */
  render(
    messages: readonly ChatMessage[],
    variables?: { tools?: readonly unknown[]; addGenerationPrompt?: boolean },
  ): Promise<string>;
  close(): Promise<void>;
}

/** The chat template's text and the tokens it may name; undefined where the model has none. Throws (data). */
export async function readChatTemplate(
  source: FileSource,
): Promise<{ text: string; tokens: Record<string, string> } | undefined> {
  const config = (await source.has("tokenizer_config.json")) ? await readJsonObject(source, "tokenizer_config.json") : {};
  const tokens: Record<string, string> = {};
  for (const key of ["bos_token", "eos_token", "pad_token", "unk_token"]) {
    const value = (config[key] as { content?: unknown } | null | undefined)?.content ?? config[key];
    if (typeof value === "string") tokens[key] = value;
  }
  if (await source.has("chat_template.jinja"))
    return { text: decodeUtf8(await source.read("chat_template.jinja"), source.describe("chat_template.jinja")), tokens };
  const { chat_template: given } = config;
  if (given === undefined || given === null) return undefined;
  // several by name: that of plain conversations is "default"
  const text = Array.isArray(given)
    ? (given as { name?: unknown; template?: unknown }[]).find(({ name }) => name === "default")?.template
    : given;
  if (typeof text === "string") return { text, tokens };
  throw dataError(`${source.describe("tokenizer_config.json")}: chat_template must be text, or a list with one named "default"`);
}

/** Starts the thread. `where` names the template in messages. */
export function openChatTemplate(
  { text, tokens = {} }: { text: string; tokens?: Readonly<Record<string, string>> },
  where: string,
  { timeoutMs = 10_000, maxHeapMb = 256, maxOutput = 1 << 22 }: ChatTemplateOptions = {},
): ChatRenderer {
  const start = (): Worker => {
    const worker = startThread(new URL("./chatWorker.js", import.meta.url), {
      workerData: { source: text, maxOutput } satisfies ChatSetup,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    worker.unref(); // a forgotten renderer must not keep the process
    return worker;
  };
  let worker: Worker | undefined;
  let nextId = 0;
  const fail = (what: string, cause?: unknown) =>
    dataError(`${printable(where, 200)}: the chat template ${printable(what, 200)}`, cause);
  return {
    async render(messages, { tools, addGenerationPrompt = true } = {}) {
      worker ??= start();
      const thread = worker;
      const id = nextId++;
      thread.ref();
      try {
        return await new Promise<string>((resolve, reject) => {
          const timer = setTimeout(() => end(() => reject(fail(`takes longer than ${timeoutMs / 1000} s`)), true), timeoutMs);
          const end = (settle: () => void, isBroken = false): void => {
            clearTimeout(timer);
            thread.off("message", onMessage).off("error", onError);
            if (isBroken) {
              void thread.terminate();
              worker = undefined;
            }
            settle();
          };
          const onMessage = (answer: ChatAnswer): void => {
            if (answer.id !== id) return;
            end(() => ("failed" in answer ? reject(fail(`fails: ${answer.failed}`)) : resolve(answer.text)));
          };
          const onError = (error: Error & { code?: string }): void =>
            end(
              () => reject(fail(error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "takes too much memory" : error.message, error)),
              true,
            );
          thread.on("message", onMessage).on("error", onError);
          const variables = { ...tokens, messages, add_generation_prompt: addGenerationPrompt, ...(tools ? { tools } : {}) };
          thread.postMessage({ id, variables } satisfies ChatRequest);
        });
      } finally {
        thread.unref();
      }
    },
    async close() {
      await worker?.terminate();
      worker = undefined;
    },
  };
}
