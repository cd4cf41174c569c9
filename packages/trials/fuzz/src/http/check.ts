import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ApiDocument, ApiOperation, Schema } from './document.js';
import type { WireAnswer } from './wire.js';

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Compares answers with the document: status, content type, and every byte of the JSON. */
export class AnswerChecker {
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
  readonly #validators = new Map<Schema, ReturnType<Ajv2020['compile']>>();

  constructor(private readonly document: ApiDocument) {}

  /** What is wrong with an answer; null when nothing is. */
  problemOf(operation: ApiOperation | null, method: string, answer: WireAnswer): string | null {
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
      return `status ${status} is not in the document: ${answer.body.slice(0, 200)}`;
    const schema = response.content?.['application/json']?.schema;
    if (schema === undefined) return null;
    if (status === 204) return answer.body === '' ? null : 'an answer with unexpected content';
    const parsed = jsonOf(answer.body);
    if (parsed === undefined)
      return `status ${status} without JSON, schema ${JSON.stringify(schema)}: ${answer.body.slice(0, 200)}`;
    const validate = this.#validator(schema);
    if (validate(parsed)) return null;
    return `status ${status}, an undocumented answer: ${this.#ajv.errorsText(validate.errors)}: ${answer.body.slice(0, 300)}`;
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
    if (!shaped) return `status ${status} in an undocumented shape: ${body.slice(0, 200)}`;
    if (String(error.message).includes('\n')) return `an error of more than one line: ${body.slice(0, 200)}`;
    if (/\bat .*\.js:\d+|node_modules/.test(body)) return `an error with a stack: ${body.slice(0, 200)}`;
    return null;
  }
}
