import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis';

type Connect = SentinelConnector['connect'];

/** A server that is silent for this long after connecting counts as hanging, milliseconds. */
const FIRST_WORD_MS = 5_000;

/**
 * ioredis's way to a master, but that two accidents are survived which would leave the connection dead for
 * good:
 *
 * - The Sentinels announce the new master while it is being looked for again. ioredis 5.11's failover
 *   detector of the connection before then aborts the attempt, and an attempt that was aborted is never
 *   repeated. So that detector ends when an attempt begins.
 * - The attempt leads to a master that hangs, after it was announced that there is another. Nothing would
 *   tell of it again. So a server that is silent from the first is left, and the Sentinels are asked anew.
 */
export class SteadySentinelConnector extends SentinelConnector {
  /** Whether a failover detector is active: ioredis starts one for each connected master. */
  private hasDetector = false;

  // ioredis requires this type; the value is this connection's options.
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override async connect(...args: Parameters<Connect>): ReturnType<Connect> {
    if (this.hasDetector) super.disconnect();
    this.hasDetector = false;
    const stream = await super.connect(...args);
    stream.once(this.options.enableTLSForSentinelMode ? 'secureConnect' : 'connect', () => {
      this.hasDetector = true;
    });
    // ioredis sends a readiness check at once, so a working server answers.
    const timer = setTimeout(() => {
      if (stream.bytesRead === 0)
        stream.destroy(new Error('the server accepted the connection but does not answer'));
    }, FIRST_WORD_MS);
    stream.once('close', () => clearTimeout(timer));
    return stream;
  }
}
