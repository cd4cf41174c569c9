import type {
  Rejudged,
  StoredProblem,
  StoredProblems,
  StoredProblemWithVersions,
} from '@sandpiper/contracts';
import { type CallOptions, type HttpTransport, query } from './transport.js';

const AT_ONCE = 100;

/** Problem packages. Methods reject as those of the client do. */
export class ProblemsClient {
  constructor(private readonly transport: HttpTransport) {}

  /**
   * Uploads a package (.zip). The same bytes again change nothing.
   * @param options.id a name that later versions keep; by default it follows from the bytes
   */
  upload(
    archive: Uint8Array<ArrayBuffer> | Blob,
    options: CallOptions & { readonly id?: string } = {},
  ): Promise<StoredProblem> {
    const { id, signal } = options;
    const call = { method: 'POST', path: `/v1/problems${query({ id })}`, signal } as const;
    return this.transport.uploadBytes(call, 'application/zip', archive);
  }

  async list(options: CallOptions = {}): Promise<StoredProblem[]> {
    const all: StoredProblem[] = [];
    let after: string | undefined;
    do {
      const path = `/v1/problems${query({ limit: AT_ONCE, after })}`;
      const page: StoredProblems = await this.transport.call({ method: 'GET', path, ...options });
      all.push(...page.problems);
      after = page.next;
    } while (after !== undefined);
    return all;
  }

  get(id: string, options: CallOptions = {}): Promise<StoredProblemWithVersions> {
    return this.transport.call({ method: 'GET', path: problemPath(id), ...options });
  }

  /** @param options.version one version; by default all of them */
  remove(id: string, options: CallOptions & { readonly version?: string } = {}): Promise<void> {
    const { version, signal } = options;
    return this.transport.call({ method: 'DELETE', path: `${problemPath(id)}${query({ version })}`, signal });
  }

  /** Judges all submissions for a problem again. @param options.version by default the latest */
  rejudge(id: string, options: CallOptions & { readonly version?: string } = {}): Promise<Rejudged> {
    const { version, signal } = options;
    const path = `${problemPath(id)}/rejudge${query({ version })}`;
    return this.transport.call({ method: 'POST', path, signal });
  }
}

const problemPath = (id: string): string => `/v1/problems/${encodeURIComponent(id)}`;
