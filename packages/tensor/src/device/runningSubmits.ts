/** Submits that the device has not finished, in their order, and how fast it finished them. */
export class RunningSubmits {
  readonly #running: Promise<void>[] = [];
  #lastEnd = 0;
  #done = { work: 0, milliseconds: 0 };

  /** @param onDone a submit is finished: a sign of life */
  constructor(
    private readonly queue: Pick<GPUQueue, "onSubmittedWorkDone">,
    private readonly onDone: () => void,
  ) {}

  get count(): number {
    return this.#running.length;
  }

  /** Settles when the first of them is finished. */
  get oldest(): Promise<void> | undefined {
    return this.#running[0];
  }

  /**
   * Right after a submit (25 us on a software adapter). Of a lost device gpu.lost tells.
   * @param work what it takes, where its time says how fast the device is
   */
  follow(work?: number): void {
    const start = performance.now();
    const done = (): void => {
      this.#running.splice(this.#running.indexOf(running), 1);
      const end = performance.now();
      if (work !== undefined) {
        this.#done.work += work;
        this.#done.milliseconds += end - Math.max(start, this.#lastEnd); // submits run one after another
      }
      this.#lastEnd = end;
      this.onDone();
    };
    const running: Promise<void> = this.queue.onSubmittedWorkDone().then(done, done);
    this.#running.push(running);
  }

  /**
   * Work that was finished since the last call, and its time. Taken together: of submits that end while JavaScript is busy, the first seems
   * to have taken all the time and the others none.
   */
  takeDone(): { work: number; milliseconds: number } {
    const done = this.#done;
    this.#done = { work: 0, milliseconds: 0 };
    return done;
  }
}
