import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ApiDocument, Operation, Schema } from './document.js';
import type { WireAnswer } from './wire.js';

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Answers against the document: status, kind of content, and every byte of the JSON. */
export class AnswerChecker {
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
  readonly #validators = new Map<Schema, ReturnType<Ajv2020['compile']>>();

  constructor(private readonly document: ApiDocument) {}

  /** What is wrong with an answer; null when nothing is. */
  problemOf(operation: Operation | null, method: string, answer: WireAnswer): string | null {
    const { status } = answer;
    if (!(status >= 200 && status < 500)) return `status ${status}: ${answer.body.slice(0, 300)}`;
    if (!answer.whole || method === 'HEAD') return null;
    if (status >= 400) {
      const problem = this.#errorProblem(answer);
      if (problem !== null) return problem;
    }
    if (operation === null) return null;
    const response = operation.responses[String(status)];
    if (response === undefined)
      return `status ${status} stands nowhere in the document: ${answer.body.slice(0, 200)}`;
    const schema = response.content?.['application/json']?.schema;
    if (schema === undefined) return null;
    if (status === 204) return answer.body === '' ? null : 'an answer without content that has some';
    const parsed = jsonOf(answer.body);
    if (parsed === undefined)
      return `status ${status} without JSON, of ${JSON.stringify(schema)}: ${answer.body.slice(0, 200)}`;
    const validate = this.#validator(schema);
    if (validate(parsed)) return null;
    return `status ${status}, an answer that is not as documented: ${this.#ajv.errorsText(validate.errors)}: ${answer.body.slice(0, 300)}`;
  }

  #validator(schema: Schema) {
    const known = this.#validators.get(schema);
    if (known !== undefined) return known;
    const made = this.#ajv.compile({ ...schema, components: this.document.components });
    this.#validators.set(schema, made);
    return made;
  }

  /** The one shape of all errors. */
  #errorProblem({ status, body }: WireAnswer): string | null {
    const parsed = jsonOf(body);
    if (typeof parsed !== 'object' || parsed === null)
      return `status ${status} without JSON: ${body.slice(0, 200)}`;
    const error = (parsed as { error?: { code?: unknown; message?: unknown } }).error;
    const shaped = typeof error?.code === 'string' && typeof error.message === 'string';
    if (!shaped) return `status ${status} in another shape: ${body.slice(0, 200)}`;
    if (String(error.message).includes('\n')) return `an error of more than one line: ${body.slice(0, 200)}`;
    if (/\bat .*\.js:\d+|node_modules/.test(body)) return `an error with a stack: ${body.slice(0, 200)}`;
    return null;
  }
}
