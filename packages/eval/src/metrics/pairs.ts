// What every corpus metric asks of its input before it computes anything.

/** A fault in the data that a person can put right: the CLI prints the message and exits with the class's code. */
export function dataError(message: string): Error & { exitClass: "data" } {
  return Object.assign(new Error(message), { exitClass: "data" as const });
}

/** References and predictions, row by row: as many of one as of the other, and at least one. */
export function requirePairs(metric: string, references: ArrayLike<unknown>, predictions: ArrayLike<unknown>): void {
  const counts = `${references.length} references and ${predictions.length} predictions`;
  if (references.length !== predictions.length) {
    throw dataError(`${metric}: ${counts}; each prediction needs the reference of its own row, so the numbers must be equal`);
  }
  if (references.length === 0) throw dataError(`${metric}: ${counts}; a score needs at least one row`);
}
