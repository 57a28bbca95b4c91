// Conversations: ShareGPT's {from, value} and OpenAI's {role, content}, with tools or without.

import { type ChatMessage, conversationText, dataError, printable, type Row } from "@attune/models";
import { every, type Format, made, optional, record, wrongType } from "./format.js";

const ROLES: Readonly<Record<string, ChatMessage["role"]>> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
  model: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  function_call: "assistant",
  system: "system",
  observation: "tool",
  tool: "tool",
  function: "tool",
};

/**
 * Each answer of the assistant makes a row: `messages` are those before it, `output` is the answer. A call of a tool is an answer, too: its
 * JSON is learnt. Answers with loss_weight 0 make none. A preference pair (chosen, rejected) gives the chosen answer.
 */
export const conversations: Format = {
  name: "conversations",
  summary: "ShareGPT (conversations of from, value) and messages (role, content)",
  matches: (sample) => every(sample, (row) => Array.isArray(row.fields.messages) || Array.isArray(row.fields.conversations)),
  *rows(row) {
    const field = Array.isArray(row.fields.messages) ? "messages" : "conversations";
    const given = row.fields[field];
    if (!Array.isArray(given)) throw wrongType(row, field, given, "a list");
    const turns = row.fields.chosen === undefined ? given : [...given, row.fields.chosen];
    const system = optional(row, "system");
    const tools = toolsOf(row);
    const before: ChatMessage[] = system ? [{ role: "system", content: system }] : [];
    let answers = 0;
    for (const turn of turns) {
      const { message, isLearnt } = messageOf(record(turn, row, field), row);
      if (message.role === "assistant" && isLearnt && before.some(({ role }) => role !== "system")) {
        answers++;
        const messages = [...before];
        const input = conversationText(messages);
        const last = messages.at(-1)!.content;
        yield made(
          row,
          {
            messages,
            ...(tools ? { tools } : {}),
            conversation: input,
            instruction: messages.length === 1 ? last : input,
            input: "",
            output: message.content,
          },
          answers,
        );
      }
      before.push(message);
    }
    if (answers === 0) throw dataError(`${row.where}: the conversation has no answer of the assistant to learn`);
  },
  templates: { encoderDecoder: "chat", decoderOnly: "chat" },
  task: "general",
  group: "row", // a later turn's prompt holds the answers to the earlier ones
  unanswered(fields) {
    const field = Array.isArray(fields.messages) ? "messages" : "conversations";
    const turns = fields[field];
    return Array.isArray(turns) ? { ...fields, [field]: [...turns, { role: "assistant", content: "" }] } : fields;
  },
};

function messageOf(turn: Record<string, unknown>, row: Row): { message: ChatMessage; isLearnt: boolean } {
  const name = turn.role ?? turn.from;
  const role = typeof name === "string" && Object.hasOwn(ROLES, name) ? ROLES[name]! : undefined;
  if (!role)
    throw dataError(
      `${row.where}: a message is from ${printable(JSON.stringify(name) ?? "nobody")}; expected ${Object.keys(ROLES).join(", ")}`,
    );
  const calls = turn.tool_calls === undefined || turn.tool_calls === null ? "" : JSON.stringify(turn.tool_calls);
  const content = contentOf(turn.content ?? turn.value ?? (calls ? "" : undefined), row);
  return { message: { role, content: [content, calls].filter(Boolean).join("\n") }, isLearnt: turn.loss_weight !== 0 };
}

/** Text, or parts of type text joined. */
function contentOf(content: unknown, row: Row): string {
  if (typeof content === "string") return content.trim();
  if (!Array.isArray(content)) throw wrongType(row, "content", content, "text");
  return content
    .map((part) => {
      const { type, text, value } = record(part, row, "content");
      const words = text ?? value;
      if (type !== "text" || typeof words !== "string")
        throw dataError(`${row.where}: a message has a part of type ${printable(String(type))}; only text can be learnt`);
      return words;
    })
    .join("")
    .trim();
}

/** ShareGPT keeps tools as JSON text. */
function toolsOf(row: Row): unknown[] | undefined {
  const { tools } = row.fields;
  if (tools === undefined || tools === null || tools === "") return undefined;
  if (Array.isArray(tools)) return tools;
  try {
    const value: unknown = JSON.parse(String(tools));
    if (Array.isArray(value)) return value;
  } catch {
    // told below
  }
  throw wrongType(row, "tools", tools, "a list, or its JSON");
}
