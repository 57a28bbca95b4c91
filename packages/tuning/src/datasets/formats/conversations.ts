// Conversations: ShareGPT's {from, value} and OpenAI's {role, content}, with tools or without.

import { type ChatMessage, conversationText, dataError, printable, type Row } from "@attune/models";
import { every, type Format, has, made, optional, record, wrongType } from "./format.js";

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
  summary:
    "ShareGPT (conversations of from, value), messages (role, content), and TRL's lists of messages as prompt and completion",
  matches: (sample) => every(sample, ({ fields }) => FIELDS.some((field) => Array.isArray(fields[field]))),
  *rows(row) {
    const field = fieldOf(row.fields);
    const given = row.fields[field];
    if (!Array.isArray(given)) throw wrongType(row, field, given, "a list");
    const answer = row.fields[field === "prompt" && has(row, "completion") ? "completion" : "chosen"];
    if (field === "prompt" && !Array.isArray(answer)) throw wrongType(row, "completion", answer, "a list of messages");
    // what a prompt answers itself is an example to go by, not to learn
    const asked = field === "prompt" ? given.map((turn) => ({ ...record(turn, row, field), loss_weight: 0 })) : given;
    const turns = answer === undefined ? asked : asked.concat(answer);
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
    const field = fieldOf(fields);
    const turns = fields[field];
    const blank = { role: "assistant", content: "" };
    if (field === "prompt") return { completion: [blank], ...fields };
    return Array.isArray(turns) ? { ...fields, [field]: [...turns, blank] } : fields;
  },
};

/** Fields that hold a conversation: TRL's prompt is continued by its completion, or by the answer that was chosen. */
const FIELDS = ["messages", "conversations", "prompt"] as const;
const fieldOf = (fields: Row["fields"]) => FIELDS.find((field) => Array.isArray(fields[field])) ?? "conversations";

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
