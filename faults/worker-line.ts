import { connect, createServer, type Server, type Socket } from 'node:net';

/** The line from workers to Temporal, which can be cut in one direction: what workers say gets lost. */
export class WorkerLine {
  readonly #server: Server;
  readonly #pairs = new Set<{ worker: Socket; temporal: Socket }>();
  #mute = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(temporalPort: number): Promise<{ line: WorkerLine; address: string }> {
    const server = createServer();
    const line = new WorkerLine(server);
    server.on('connection', (worker) => line.#join(worker, temporalPort));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the line has no port');
    return { line, address: `127.0.0.1:${bound.port}` };
  }

  /** From now on nothing that workers say arrives; they still hear. */
  mute(): void {
    this.#mute = true;
    for (const { worker } of this.#pairs) worker.pause();
  }

  /** For workers that connect from now on; those that were muted are cut off. */
  restore(): void {
    if (this.#mute) for (const { worker } of this.#pairs) worker.destroy();
    this.#mute = false;
  }

  async close(): Promise<void> {
    for (const { worker } of this.#pairs) worker.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(worker: Socket, temporalPort: number): void {
    const temporal = connect(temporalPort, '127.0.0.1');
    const pair = { worker, temporal };
    this.#pairs.add(pair);
    worker.setNoDelay();
    temporal.setNoDelay();
    worker.on('data', (chunk) => {
      if (!this.#mute && !temporal.write(chunk)) worker.pause();
    });
    temporal.on('drain', () => {
      if (!this.#mute) worker.resume();
    });
    temporal.pipe(worker);
    const end = () => {
      this.#pairs.delete(pair);
      worker.destroy();
      temporal.destroy();
    };
    worker.on('error', end).on('close', end);
    temporal.on('error', end).on('close', end);
  }
}
