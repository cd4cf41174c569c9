import type { IncomingMessage } from 'node:http';
import { LIVE_BOUNDS, type LiveClientMessage, type LiveServerMessage } from '@sandpiper/contracts';
import { WebSocket } from 'ws';
import { ApiError, ConnectionError } from './errors.js';

/**
 * The server sends a keep-alive every ten seconds; after this silence the connection is dead, milliseconds.
 */
const SILENCE_MS = 45_000;
const HANDSHAKE_MS = 20_000;
/** Bytes read of an answer that is not an upgrade. */
const MAX_REFUSAL_BYTES = 64 * 1024;

/** How a connection ended. */
export interface ConnectionEnd {
  /** Whether a message arrived on it. */
  readonly served: boolean;
  /** Why a retry is useless; null when it may help. */
  readonly fatal: Error | null;
  /** The error to report when retries have failed. */
  readonly error: Error;
}

export interface SocketOptions {
  readonly server: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly onMessage: (message: LiveServerMessage) => void;
}

/** One connection to the stream of a run. */
export class RunSocket {
  private readonly socket: WebSocket;
  private served = false;
  private failure: { error: Error; fatal: boolean } | null = null;
  private heardAt = performance.now();
  /** Resolves when the connection has ended. */
  readonly ended: Promise<ConnectionEnd>;

  constructor(private readonly options: SocketOptions) {
    const { server, path, headers } = options;
    this.socket = new WebSocket(server.replace(/^http/, 'ws') + path, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: LIVE_BOUNDS.serverMessage,
      perMessageDeflate: false,
      headers,
    });
    this.socket.on('message', (data) => this.receive(data as Buffer));
    this.socket.on('ping', () => this.heard());
    this.socket.on('unexpected-response', (_request, response) => void this.refused(response));
    this.socket.on('error', (error) => {
      this.failure ??= { error: new ConnectionError(server, error), fatal: false };
    });
    const watch = setInterval(() => this.checkSilence(), SILENCE_MS / 3);
    this.ended = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        clearInterval(watch);
        resolve(this.endOf(code, reason.toString()));
      });
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(message: LiveClientMessage): void {
    this.socket.send(JSON.stringify(message), () => undefined);
  }

  /** Stops reading until {@link resume}; the server waits meanwhile. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.heard();
    this.socket.resume();
  }

  close(): void {
    if (this.isOpen) this.socket.close(1000);
    else this.socket.terminate();
  }

  private heard(): void {
    this.heardAt = performance.now();
  }

  private checkSilence(): void {
    if (this.socket.isPaused || performance.now() - this.heardAt < SILENCE_MS) return;
    const silence = Object.assign(new Error('no answer from the server'), { code: 'ETIMEDOUT' });
    this.failure ??= { error: new ConnectionError(this.options.server, silence), fatal: false };
    this.socket.terminate();
  }

  private receive(data: Buffer): void {
    this.heard();
    this.served = true;
    let message: LiveServerMessage;
    try {
      message = JSON.parse(data.toString('utf8')) as LiveServerMessage;
    } catch {
      const what = `${this.options.server} is not a Sandpiper server`;
      this.failure = { error: new ApiError(200, 'bad-answer', what, null, null), fatal: true };
      this.socket.terminate();
      return;
    }
    if (message.type === 'error') {
      const isFatal = !PASSING.includes(message.code);
      this.failure = { error: new ApiError(400, message.code, message.message, null, null), fatal: isFatal };
    } else {
      this.options.onMessage(message);
    }
  }

  /** The server answered without making a WebSocket of it. */
  private async refused(response: IncomingMessage): Promise<void> {
    const status = response.statusCode ?? 0;
    let text = '';
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        text += chunk.toString('latin1');
        if (text.length > MAX_REFUSAL_BYTES) break;
      }
    } catch {
      // a truncated answer is enough
    }
    const { code, message } = errorOf(text) ?? {
      code: `http-${status}`,
      message: `the server answered ${status}`,
    };
    const error = new ApiError(status, code, message, null, null);
    this.failure = { error, fatal: status < 500 && status !== 429 };
    this.socket.terminate();
  }

  private endOf(code: number, reason: string): ConnectionEnd {
    const { served, failure } = this;
    const error =
      failure?.error ??
      new ConnectionError(this.options.server, new Error(reason === '' ? `closed with ${code}` : reason));
    return { served, fatal: failure?.fatal === true ? failure.error : null, error };
  }
}

/** Codes of temporary errors. */
const PASSING: readonly string[] = [
  'store-unavailable',
  'unknown-outcome',
  'internal-error',
  'too-many-streams',
  'too-much-in-flight',
];

function errorOf(text: string): { code: string; message: string } | null {
  try {
    const { error } = JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as {
      error?: { code?: unknown; message?: unknown };
    };
    if (typeof error?.code !== 'string' || typeof error.message !== 'string') return null;
    return { code: error.code, message: error.message };
  } catch {
    return null;
  }
}
