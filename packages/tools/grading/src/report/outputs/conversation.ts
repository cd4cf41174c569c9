import { textOf } from '@sandpiper/contracts';
import type { TestOutcome } from '../../judge/verdict.js';

/** Who said something, and what. */
type SaidLine = readonly [from: 'program' | 'judge', text: string];

/** What a program and the validator of an interactive problem said; nothing for other problems. */
export function saidIn({ conversation = [] }: TestOutcome): SaidLine[] {
  return conversation.map((said) => [said.from === 'program' ? 'program' : 'judge', textOf(said, 'data')]);
}
