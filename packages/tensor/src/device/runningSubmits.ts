/** Submits that the device has not finished, in their order. */
export class RunningSubmits {
  readonly #running: Promise<void>[] = [];
  #lastEnd = 0;

  /** @param onDone a submit is finished: a sign of life */
  constructor(
    private readonly queue: GPUQueue,
    private readonly onDone: () => void,
  ) {}

  get count(): number {
    return this.#running.length;
  }

  /** Settles when the first of them is finished. */
  get oldest(): Promise<void> | undefined {
    return this.#running[0];
  }

  /** Right after a submit (25 us on a software adapter). Of a lost device gpu.lost tells. `onAlone`: the milliseconds it took, nothing else running. */
  follow(onAlone?: (milliseconds: number) => void): void {
    const start = performance.now();
    const done = (): void => {
      this.#running.splice(this.#running.indexOf(running), 1);
      const end = performance.now();
      onAlone?.(end - Math.max(start, this.#lastEnd)); // submits run one after another
      this.#lastEnd = end;
      this.onDone();
    };
    const running: Promise<void> = this.queue.onSubmittedWorkDone().then(done, done);
    this.#running.push(running);
  }
}
