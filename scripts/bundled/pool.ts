/** What training may use and what only the held-out dialogues use. */
export interface Pool<T> {
  seen: readonly T[];
  unseen: readonly T[];
}
export const pool = <T>(seen: readonly T[], unseen: readonly T[]): Pool<T> => ({ seen, unseen });

/** Two lists, items parted by commas. */
export const list = (seen: string, unseen: string): Pool<string> => pool(seen.split(", "), unseen.split(", "));
