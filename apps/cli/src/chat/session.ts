// A conversation with a model: turns, what a line that begins with "/" does, what is left out when there is no more room. Knows no terminal
// and no device.
import { nearest } from "@attune/models";
import type { Prompting, Turn } from "./prompting.js";

export interface Answerer {
  hasAdapter: boolean;
  /** Most tokens of a prompt. */
  room: number;
  /** Tokens of a prompt. */
  count(prompt: string): number;
  /** The answer, piece by piece. `turn` counts from 0: sampling draws anew for each. */
  stream(prompt: string, options: { withAdapter: boolean; turn: number }): AsyncIterable<string>;
}

export interface ChatOutput {
  /** Beside the conversation. */
  note(text: string): void;
  /** A piece of the answer, as it comes. */
  piece(text: string): void;
  /** The answer is complete. */
  answered(text: string): void;
  /** Two answers to compare. */
  both(adapted: string, base: string): void;
}

export interface ChatSession {
  /** Does what a line says; false: the conversation is over. */
  take(line: string): Promise<boolean>;
  /** Stops the answer at hand; false where there is none. */
  stop(): boolean;
}

interface ChatCommand {
  usage: string;
  summary: string;
  /** false: the conversation is over. */
  run(rest: string): boolean;
}

export function openSession(prompting: Prompting, answerer: Answerer, output: ChatOutput): ChatSession {
  let turns: Turn[] = [];
  let asked = 0;
  let system: string | null = null;
  let withAdapter = answerer.hasAdapter;
  let isBoth = false;
  let isAnswering = false;
  let isStopped = false;

  const needsAdapter = (): boolean => {
    if (!answerer.hasAdapter) output.note("there is no adapter: start with --adapter, or with the folder of a LoRA run");
    return answerer.hasAdapter;
  };
  const commands: Readonly<Record<string, ChatCommand>> = {
    reset: {
      usage: "/reset",
      summary: "forget the conversation so far; the system text stays",
      run() {
        turns = [];
        output.note("a new conversation");
        return true;
      },
    },
    system: {
      usage: "/system TEXT",
      summary: "say this in front of the conversation; without a text, nothing",
      run(rest) {
        system = rest === "" ? null : rest;
        turns = [];
        output.note(system === null ? "no system text; a new conversation" : "system text set; a new conversation");
        return true;
      },
    },
    adapter: {
      usage: "/adapter on|off",
      summary: "answer with the adapter, or as the base model alone",
      run(rest) {
        const isChoice = rest === "on" || rest === "off";
        if (!isChoice) output.note(`/adapter wants on or off; it is ${withAdapter ? "on" : "off"}`);
        if (!isChoice || !needsAdapter()) return true;
        withAdapter = rest === "on";
        isBoth = false;
        output.note(withAdapter ? "answers come with the adapter" : "answers come from the base model alone");
        return true;
      },
    },
    both: {
      usage: "/both",
      summary: "answer with the adapter and without, side by side; again: with it alone",
      run() {
        if (!needsAdapter()) return true;
        isBoth = !isBoth;
        withAdapter = true;
        output.note(
          isBoth ? "two answers to each line: with the adapter, and without" : "one answer to each line, with the adapter",
        );
        return true;
      },
    },
    help: {
      usage: "/help",
      summary: "show this",
      run() {
        for (const { usage, summary } of Object.values(commands)) output.note(`${usage.padEnd(16)} ${summary}`);
        output.note(`${"//text".padEnd(16)} say a line that begins with one "/"`);
        return true;
      },
    },
    quit: { usage: "/quit", summary: "leave; Ctrl-D does, too", run: () => false },
  };

  /** The prompt, with as many of the latest turns as there is room for. */
  async function promptOf(line: string): Promise<string | null> {
    const known = prompting.hasHistory ? turns : [];
    for (let from = 0; ; from++) {
      const prompt = await prompting.prompt(known.slice(from), line, system);
      const tokens = answerer.count(prompt);
      if (tokens <= answerer.room) {
        if (from > 0)
          output.note(
            `${from === 1 ? "the oldest turn is" : `the ${from} oldest turns are`} left out: there is room for ${answerer.room} tokens`,
          );
        turns = known.slice(from);
        return prompt;
      }
      if (from >= known.length) {
        output.note(
          `the prompt has ${tokens} tokens, and there is room for ${answerer.room}: say it in fewer words (--max-prompt)`,
        );
        return null;
      }
    }
  }

  async function answer(prompt: string, adapted: boolean, onPiece: (piece: string) => void): Promise<string> {
    let text = "";
    for await (const piece of answerer.stream(prompt, { withAdapter: adapted, turn: asked })) {
      if (isStopped) break;
      text += piece;
      onPiece(piece);
    }
    return text;
  }

  async function ask(line: string): Promise<void> {
    const prompt = await promptOf(line);
    if (prompt === null) return;
    const text = await answer(prompt, withAdapter, isBoth ? () => {} : output.piece);
    if (isBoth && !isStopped) output.both(text, await answer(prompt, false, () => {}));
    else if (!isBoth) output.answered(text);
    if (isStopped) output.note("stopped; Ctrl-C again leaves");
    turns = [...turns, { user: line, assistant: text.trim() }];
    asked++;
  }

  return {
    async take(line) {
      const said = line.trim();
      if (said === "") return true;
      if (said.startsWith("/") && !said.startsWith("//")) {
        const [, name = "", rest = ""] = /^\/(\S*)\s*(.*)$/s.exec(said)!;
        const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
        if (command) return command.run(rest.trim());
        const near = nearest(name, Object.keys(commands));
        output.note(`no command /${name}${near ? `; did you mean /${near}?` : "; /help lists them"}`);
        return true;
      }
      isAnswering = true;
      isStopped = false;
      try {
        await ask(said.startsWith("//") ? said.slice(1) : said);
      } catch (error) {
        // a line that cannot be asked is no end of the conversation
        const { exitClass, message } = error as Error & { exitClass?: string };
        if (exitClass !== "data" && exitClass !== "usage") throw error;
        output.note(message);
      } finally {
        isAnswering = false;
      }
      return true;
    },
    stop() {
      const wasAnswering = isAnswering && !isStopped;
      isStopped = true;
      return wasAnswering;
    },
  };
}
