import type { Attack, Behaviour } from './behaviour.js';
import type { SubjectName } from './ground.js';

/** The behaviours in which the mechanism that holds the memory limit matters. */
const OF_MEMORY = { first: 15, last: 28 };

export const ONLY_OF_MEMORY = `seccomp without groups: for ${OF_MEMORY.first} to ${OF_MEMORY.last} alone, where it matters who holds the memory limit`;

/**
 * Which attacks of a behaviour a subject is put to; a reason where there are none, and null where that is said once for all
 * behaviours ({@link ONLY_OF_MEMORY}).
 */
export function attacksOn(behaviour: Behaviour, subject: SubjectName): readonly Attack[] | string | null {
  const { number, seccomp, rpython } = behaviour;
  const isOfMemory = number >= OF_MEMORY.first && number <= OF_MEMORY.last;
  if (subject === 'seccomp without groups' && !isOfMemory) return null;
  if (subject === 'real rpython') {
    const portable = typeof seccomp === 'string' ? [] : seccomp.filter((attack) => attack.portable === true);
    return portable.length > 0 ? portable : 'no program of it runs in every Python';
  }
  const all = subject.startsWith('seccomp') ? seccomp : rpython;
  if (typeof all === 'string') return all;
  const start = subject.endsWith('cold') || subject.endsWith('groups') ? 'cold' : 'warm';
  return all.filter((attack) => (attack.start ?? start) === start);
}
