import { Duplex } from 'node:stream';

/**
 * Both ends of a connection within this process. Unlike `duplexPair` of node:stream it never delivers
 * during the sender's call: ssh2 breaks when an answer arrives before its own step has ended.
 */
export function createWire(): [Duplex, Duplex] {
  const near = new WireEnd();
  const far = new WireEnd();
  near.peer = far;
  far.peer = near;
  return [near, far];
}

class WireEnd extends Duplex {
  peer: WireEnd | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, written: () => void): void {
    setImmediate(() => this.peer?.receive(chunk, written));
  }

  override _final(ended: () => void): void {
    setImmediate(() => this.peer?.receive(null, ended));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    setImmediate(() => this.peer?.destroy());
    done(error);
  }

  receive(chunk: Buffer | null, taken: () => void): void {
    if (this.destroyed) return taken();
    if (this.push(chunk) || chunk === null) taken();
    else this.#taken = taken;
  }
}
