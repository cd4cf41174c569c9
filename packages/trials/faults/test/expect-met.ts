import { expect } from 'vitest';
import type { Observation } from '../src/observation.js';
import type { Stage } from '../src/stage.js';

export const silent: Stage = { say: () => undefined, keep: false };

/** Every requirement with what was observed, so that a failure says which. */
export async function expectMet(playing: Promise<Observation[]>): Promise<void> {
  const findings = await playing;
  const unmet = findings.filter(({ met }) => met === false);
  expect(unmet.map(({ what, measured, required }) => `${what}: ${measured}, not ${required}`)).toEqual([]);
  expect(findings.some(({ met }) => met === true)).toBe(true);
}
