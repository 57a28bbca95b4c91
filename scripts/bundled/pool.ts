/** What training may use and what only the held-out dialogues use. */
export interface Pool<T> {
  seen: readonly T[];
  unseen: readonly T[];
}
export const pool = <T>(seen: readonly T[], unseen: readonly T[]): Pool<T> => ({ seen, unseen });
