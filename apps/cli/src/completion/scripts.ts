// Completion scripts for bash, zsh and fish. Everything that they offer stands in the script itself: pressing Tab starts no process.
import type { CommandNode } from "./commandTree.js";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A command by all of its words, "data check", for the flat tables of the scripts. */
interface Path {
  words: string;
  node: CommandNode;
}

export function completionScript(shell: Shell, commands: readonly CommandNode[]): string {
  return { bash, zsh, fish }[shell](commands);
}

const pathsOf = (commands: readonly CommandNode[], before = ""): Path[] =>
  commands.flatMap((node) => {
    const words = `${before}${node.name}`;
    return [{ words, node }, ...pathsOf(node.commands, `${words} `)];
  });
const flagsOf = ({ options }: CommandNode): string[] => options.flatMap(({ flags }) => flags);
const namesOf = (commands: readonly CommandNode[]): string => commands.map(({ name }) => name).join(" ");
/** Single-quoted for a shell: names and summaries are ours, but they hold apostrophes. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

// Words after the command line's own are what bash offers; with none, `-o default` completes files, as runs and data need.
function bash(commands: readonly CommandNode[]): string {
  const paths = pathsOf(commands);
  const nested = commands.filter((node) => node.commands.length > 0);
  const cases = paths.flatMap(({ words, node }) => {
    const offered = [namesOf(node.commands), node.choices.join(" ")].filter(Boolean).join(" ");
    const choices = node.options
      .filter((option) => option.choices.length > 0)
      .map(({ flags, choices: values }) => `      ${quoted(words)}:${flags[0]}) words=${quoted(values.join(" "))} ;;`);
    return { choices, line: `      ${quoted(words)}) words=${quoted(offered)} flags=${quoted(flagsOf(node).join(" "))} ;;` };
  });
  return `# bash completion for attune. For this shell: source <(attune completion bash)
# For all: attune completion bash > ~/.local/share/bash-completion/completions/attune
_attune() {
  local word="\${COMP_WORDS[COMP_CWORD]}" path="\${COMP_WORDS[1]}" words='' flags=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=${quoted(`${namesOf(commands)} help`)} flags='--help --version'
  else
    case "$path" in
      ${nested.length > 0 ? nested.map(({ name }) => name).join("|") : "''"}) [ "$COMP_CWORD" -gt 2 ] && path="$path \${COMP_WORDS[2]}" ;;
    esac
    case "$path" in
      help) words=${quoted(namesOf(commands))} ;;
${cases.map(({ line }) => line).join("\n")}
    esac
    case "$path:\${COMP_WORDS[COMP_CWORD-1]}" in
      '') ;;
${cases.flatMap(({ choices }) => choices).join("\n")}
    esac
  fi
  case "$word" in
    -*) words="$flags" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o bashdefault -o default -F _attune attune
`;
}

function zsh(commands: readonly CommandNode[]): string {
  const described = (list: readonly CommandNode[]) =>
    list.map(({ name, summary }) => `      ${quoted(`${name}:${summary.replaceAll(":", "\\:")}`)}`).join("\n");
  const option = ({ flags, summary, takesValue, choices }: CommandNode["options"][number]): string[] => {
    const text = summary.replace(/[[\]:\\]/g, (character) => `\\${character}`);
    const value = takesValue ? `:value:${choices.length > 0 ? `(${choices.join(" ")})` : "_files"}` : "";
    return flags.map((flag) => `        ${quoted(`${flag}[${text}]${value}`)}`);
  };
  const cases = pathsOf(commands).map(({ words, node }) => {
    const rest =
      node.commands.length > 0
        ? `(${namesOf(node.commands)})`
        : node.choices.length > 0
          ? `(${node.choices.join(" ")})`
          : "_files";
    return `      ${quoted(words)})\n      _arguments -s \\\n${[...node.options.flatMap(option), `        ${quoted(`*:argument:${rest}`)}`].join(" \\\n")} ;;`;
  });
  const nested = commands.filter((node) => node.commands.length > 0).map(({ name }) => name);
  return `#compdef attune
# zsh completion for attune. For this shell: source <(attune completion zsh)
# For all: attune completion zsh > a file _attune in a folder of $fpath
_attune() {
  local -a commands
  if (( CURRENT == 2 )); then
    commands=(
${described(commands)}
      'help:print help'
    )
    _describe 'command' commands
    return
  fi
  local path_="\${words[2]}"
  local -i taken=1
  case "$path_" in
    ${nested.length > 0 ? nested.join("|") : "''"}) if (( CURRENT > 3 )); then path_="$path_ \${words[3]}"; taken=2; fi ;;
  esac
  # what was taken for the command's name goes, so that _arguments counts from there
  shift $taken words
  (( CURRENT -= taken ))
  case "$path_" in
${cases.join("\n")}
  esac
}
(( $+functions[compdef] )) && compdef _attune attune
`;
}

function fish(commands: readonly CommandNode[]): string {
  const lines = [
    "# fish completion for attune. For this shell: attune completion fish | source",
    "# For all: attune completion fish > ~/.config/fish/completions/attune.fish",
    ...commands.map(
      ({ name, summary }) => `complete -c attune -n __fish_use_subcommand -f -a ${quoted(name)} -d ${quoted(summary)}`,
    ),
    `complete -c attune -n __fish_use_subcommand -f -a help -d ${quoted("print help")}`,
  ];
  for (const { words, node } of pathsOf(commands)) {
    const seen = words.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
    const isHere = quoted(seen.join("; and "));
    for (const { name, summary } of node.commands)
      lines.push(`complete -c attune -n ${isHere} -f -a ${quoted(name)} -d ${quoted(summary)}`);
    if (node.choices.length > 0) lines.push(`complete -c attune -n ${isHere} -f -a ${quoted(node.choices.join(" "))}`);
    for (const { flags, summary, takesValue, choices } of node.options) {
      const spelled = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(" ");
      const value = takesValue ? (choices.length > 0 ? ` -x -a ${quoted(choices.join(" "))}` : " -r") : "";
      lines.push(`complete -c attune -n ${isHere} ${spelled}${value} -d ${quoted(summary)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
