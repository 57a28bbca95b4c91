// Conversations as text, for models that have no chat template of their own.

import { dataError } from "../errors.js";

export interface ChatMessage {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
}

const SPEAKERS: Readonly<Record<ChatMessage["role"], string>> = {
  system: "System",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
};

/** A message a line: "User: ...". The built-in chat template puts "Assistant:" behind it. */
export function conversationText(messages: readonly ChatMessage[]): string {
  return messages.map(({ role, content }) => `${SPEAKERS[role]}: ${content}`).join("\n");
}

/** A row's `messages`, checked. Throws (data). */
export function readMessages(value: unknown, where: string): ChatMessage[] {
  const isMessage = (one: unknown): one is ChatMessage => {
    const { role, content } = (one ?? {}) as Record<string, unknown>;
    return typeof role === "string" && Object.hasOwn(SPEAKERS, role) && typeof content === "string";
  };
  if (Array.isArray(value) && value.every(isMessage)) return value.map(({ role, content }) => ({ role, content }));
  throw dataError(`${where}: messages must be a list of {role, content} with the roles ${Object.keys(SPEAKERS).join(", ")}`);
}
