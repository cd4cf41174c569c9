import type { RunRequest, RunState } from '@sandpiper/contracts';
import type { TestService } from '@sandpiper/testkit';

/** Submits a run and waits for its end. */
export async function runAt(
  scheduler: TestService,
  request: RunRequest,
  headers: Record<string, string> = {},
): Promise<RunState> {
  const reply = await fetch(`${scheduler.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(request),
  });
  if (reply.status !== 202) throw new Error(await reply.text());
  const { id } = (await reply.json()) as { id: string };
  return (await (await fetch(`${scheduler.url}/v1/runs/${id}?wait=60`)).json()) as RunState;
}

export const metricsOf = async (service: TestService): Promise<string> =>
  (await fetch(`${service.url}/metrics`)).text();
