/** Submits that the device has not finished, in their order. */
export class RunningSubmits {
  readonly #running: Promise<void>[] = [];

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

  /** Right after a submit (25 us on a software adapter). Of a lost device gpu.lost tells. */
  follow(): void {
    const done = (): void => {
      this.#running.splice(this.#running.indexOf(running), 1);
      this.onDone();
    };
    const running: Promise<void> = this.queue.onSubmittedWorkDone().then(done, done);
    this.#running.push(running);
  }
}
