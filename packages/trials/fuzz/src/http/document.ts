/** The parts of an OpenAPI 3.1 document that requests are made from and answers are compared with. */
export type Schema = Record<string, unknown>;

interface Content {
  readonly [mediaType: string]: { readonly schema?: Schema } | undefined;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly required?: boolean;
  readonly schema?: Schema;
}

export interface ApiOperation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody: Content | null;
  readonly responses: { readonly [status: string]: { readonly content?: Content } | undefined };
}

export interface ApiDocument {
  readonly paths: Record<string, Record<string, Record<string, unknown>>>;
  readonly components?: Record<string, unknown>;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];

export function operationsOf(document: ApiDocument): ApiOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method] !== undefined).map((method) => {
      const operation = item[method] ?? {};
      const body = operation['requestBody'] as { content?: Content } | undefined;
      return {
        method: method.toUpperCase(),
        path,
        parameters: (operation['parameters'] ?? []) as Parameter[],
        requestBody: body?.content ?? null,
        responses: (operation['responses'] ?? {}) as ApiOperation['responses'],
      };
    }),
  );
}
